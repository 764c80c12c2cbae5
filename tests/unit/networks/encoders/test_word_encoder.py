import pytest
import torch
from torch import nn

from cotrain._base import InvalidArgumentError
from cotrain.balancing import UPGrad
from cotrain.gradients import Balance, gramian
from cotrain.networks import (
    FTTransformer,
    HardSharing,
    Hierarchical,
    InputSpec,
    MultiTaskNetwork,
    TableEncoder,
    Transformer,
    WordEncoder,
)

SPEC = InputSpec(words={"words:text": 12}, characters={"characters:text": 6})
BLOCKS = ["lstm", "transformer", "conv"]


def batch(lengths=(4, 2)):
    longest = max(lengths)
    words = torch.arange(len(lengths) * longest).reshape(len(lengths), longest) % 10 + 2
    return {
        "words:text": words,
        "words:text:lengths": torch.tensor(lengths),
        "characters:text": words[..., None].expand(-1, -1, 5) % 6,
    }


def encoder(blocks="lstm", spec=SPEC, depth=2, **options):
    sizes = {"word_embedding": 4, "character_embedding": 3, "heads": 2, "kernel": 3, "dropout": 0.0}
    return WordEncoder(8, depth, blocks=blocks, **sizes, word_dropout=0.0, **options).build(spec)


@pytest.mark.parametrize("blocks", BLOCKS)
def test_words_see_their_neighbours_and_order_matters(blocks):
    torch.manual_seed(0)
    made = encoder(blocks).eval()
    inputs = batch((4,))
    turned = {key: value.flip(1) if value.dim() > 1 else value for key, value in inputs.items()}
    first = made(inputs)
    assert not torch.allclose(first[:, 0], made(turned)[:, -1], atol=1e-3)
    assert len(made.stages) == 3
    assert made.widths == (8, 8, 8)


def network(blocks, sharing=None, reads=None):
    torch.manual_seed(0)
    sharing = (sharing or HardSharing()).build(lambda: encoder(blocks), ["tags", "names", "mood"])
    heads = {"tags": nn.Linear(8, 3), "names": nn.Linear(8, 4), "mood": nn.Linear(8, 1)}
    return MultiTaskNetwork(sharing, heads, reads=reads or {"tags": "positions", "names": "positions"})


def test_low_tasks_read_low_stages():
    model = network("lstm", Hierarchical({"tags": 1, "names": 2, "mood": 2}, lower="predictions"))
    outputs = model(batch())
    assert [tuple(output.shape) for output in outputs.values()] == [(2, 4, 3), (2, 4, 4), (2, 1)]
    model(batch())["tags"].sum().backward()
    assert all(p.grad is None for p in model.sharing.encoder.stages[2].parameters())
    assert model.lengths(batch()).keys() == {"tags", "names"}


@pytest.mark.parametrize("blocks", BLOCKS)
@pytest.mark.parametrize("source", ["auto", "exact"])
def test_gradient_methods_see_what_plain_passes_see(blocks, source):
    model = network(blocks).double()
    mask = torch.arange(4) < batch()["words:text:lengths"][:, None]

    def losses():
        return {
            name: (output[mask] if output.dim() == 3 else output).square().mean()
            for name, output in model(batch()).items()
        }

    shared = model.shared_parameters()
    rows = []
    for loss in losses().values():
        grads = torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True)
        parts = [torch.zeros_like(p) if g is None else g for g, p in zip(grads, shared, strict=True)]
        rows.append(torch.cat([part.flatten() for part in parts]))
    jacobian = torch.stack(rows)
    found = gramian(losses(), shared, source=source)
    torch.testing.assert_close(found, jacobian @ jacobian.T, rtol=1e-6, atol=1e-12)
    balance = Balance(UPGrad(), shared, tasks=list(model.tasks), source=source)
    balance.backward(losses())
    update = torch.cat(
        [torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in shared]
    )
    torch.testing.assert_close(update, balance.weights.double() @ jacobian, rtol=1e-5, atol=1e-10)


def test_a_row_without_words_is_told_apart_by_its_table():
    torch.manual_seed(0)
    spec = InputSpec(n_numbers=1, words=SPEC.words)
    made = WordEncoder(8).build(spec).eval()
    inputs = {
        "numbers": torch.tensor([[1.0], [-1.0]]),
        "words:text": torch.zeros(2, 1, dtype=torch.long),
        "words:text:lengths": torch.zeros(2, dtype=torch.long),
    }
    pooled = made(inputs)[:, 0]
    assert made.mask(inputs).tolist() == [[True, False]] * 2
    assert not torch.allclose(pooled[0], pooled[1], atol=1e-3)


def test_the_column_that_a_task_reads_must_be_said_where_there_are_several():
    spec = InputSpec(words={"words:title": 9, "words:body": 9})
    inputs = {
        "words:title": torch.tensor([[3, 4]]),
        "words:title:lengths": torch.tensor([2]),
        "words:body": torch.tensor([[5, 6, 7]]),
        "words:body:lengths": torch.tensor([1]),
    }
    sharing = HardSharing().build(lambda: WordEncoder(8).build(spec), ["tags"])
    with pytest.raises(InvalidArgumentError, match=r"task 'tags' .*there are title, body: say of which one"):
        MultiTaskNetwork(sharing, {"tags": nn.Linear(8, 2)}, reads={"tags": "positions"})(inputs)
    model = MultiTaskNetwork(
        sharing, {"tags": nn.Linear(8, 2)}, reads={"tags": "positions"}, columns={"tags": "body"}
    )
    assert model(inputs)["tags"].shape == (1, 3, 2)
    assert model.lengths(inputs)["tags"].tolist() == [1]


def test_a_transformer_reads_a_column_of_words_by_its_key():
    made = Transformer(8, 1, 2, key="words:text").build(SPEC)
    assert made(batch()).shape == (2, 4, 8)


def test_bad_options():
    with pytest.raises(InvalidArgumentError, match="multiple of 2"):
        WordEncoder(7)
    with pytest.raises(InvalidArgumentError, match="multiple of 4"):
        WordEncoder(6, blocks="transformer")
    with pytest.raises(InvalidArgumentError, match="odd number"):
        WordEncoder(kernel=4)
    with pytest.raises(InvalidArgumentError, match="did you mean 'lstm'"):
        WordEncoder(blocks="lstn")
    with pytest.raises(InvalidArgumentError, match="the table has none: take TableEncoder"):
        WordEncoder().build(InputSpec(n_numbers=3))
    for other in (TableEncoder(), FTTransformer()):
        with pytest.raises(
            InvalidArgumentError, match="does not read words in order, as in the column 'text'"
        ):
            other.build(SPEC)
