import torch

from cotrain._base import InputSpec
from cotrain._base._lazy import Lazy
from cotrain._base._ragged import Ragged
from cotrain.networks import MLP, HardSharing, MultiTaskNetwork
from cotrain.training._predict import ROOM, outputs_of, rows_at_a_time


class Noted(torch.nn.Linear):
    def forward(self, input):
        self.sizes = [*getattr(self, "sizes", []), (len(input), self.training)]
        return super().forward(input)


def network():
    sharing = HardSharing().build(lambda: MLP((4,), n_inputs=3).build(InputSpec()), ["a", "b"])
    return MultiTaskNetwork(sharing, {"a": Noted(4, 1), "b": torch.nn.Linear(4, 2)})


def test_all_rows_are_answered_in_batches_in_evaluation_mode_and_the_mode_comes_back():
    model, rows = network().train(), torch.randn(2500, 3)
    outputs = outputs_of(model, {"inputs": rows}, batch_size=8)
    assert model.heads[0].sizes == [(1024, False), (1024, False), (452, False)]
    assert model.training
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {"a": (2500, 1), "b": (2500, 2)}
    expected = model.eval()({"inputs": rows[1020:1030]})
    torch.testing.assert_close(outputs["a"][1020:1030], expected["a"].detach(), rtol=1e-5, atol=1e-6)
    assert not outputs["a"].requires_grad


def test_no_row_at_all_has_no_answers():
    outputs = outputs_of(network().eval(), {"inputs": torch.zeros(0, 3)})
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {"a": (0, 1), "b": (0, 2)}


def test_heads_whose_outputs_nobody_asked_for_are_not_computed():
    model = network().eval()
    rows = {"inputs": torch.randn(5, 3)}
    assert torch.equal(outputs_of(model, rows, tasks=["b", "other"])["b"], outputs_of(model, rows)["b"])
    assert len(model.heads[0].sizes) == 1
    assert outputs_of(model, rows, tasks=[]) == {}


class PerWord(torch.nn.Module):
    """Answers for every word, and for the row."""

    tasks = ("tags", "length")

    def __init__(self):
        super().__init__()
        self.table = torch.nn.Embedding(50, 3)

    def forward(self, inputs):
        found = self.table(inputs["words"])
        return {"tags": found, "length": inputs["words:lengths"][:, None].float()}

    def lengths(self, inputs):
        return {"tags": inputs["words:lengths"]}


def test_outputs_of_positions_are_cut_by_the_lengths_that_the_model_says():
    model = PerWord().eval()
    lengths = torch.arange(2500) % 5
    offsets = torch.cat([torch.zeros(1).long(), lengths.cumsum(0)])
    words = Ragged(torch.arange(int(offsets[-1])) % 50, offsets)
    outputs = outputs_of(model, {"words": words})
    assert torch.equal(outputs["tags"].offsets, words.offsets)
    assert torch.equal(outputs["tags"].values, model.table.weight[words.values].detach())
    assert torch.equal(outputs["length"][:, 0], lengths.float())
    nobody = outputs_of(model, {"words": words[:0]})
    assert (len(nobody["tags"]), len(nobody["length"])) == (0, 0)


def test_large_rows_come_a_few_at_a_time():
    picture, table = torch.zeros(1, 1).expand(40, ROOM // 8), torch.zeros(40, 3)
    assert rows_at_a_time({"picture": picture}, 16) == 8
    assert rows_at_a_time({"numbers": table}, 16) == 1024
    assert rows_at_a_time({"numbers": table}, 4096) == 4096
    assert rows_at_a_time({"numbers": table[:0]}, 16) == 1024
    sound = Ragged(torch.zeros(1).expand(ROOM), torch.tensor([0, 100, ROOM]))
    assert rows_at_a_time({"sound": sound}, 16) == 2


def test_rows_of_files_are_decoded_a_batch_at_a_time():
    model = network().eval()
    rows = torch.randn(5, 3)
    files = Lazy([str(i) for i in range(5)], lambda cell: rows[int(cell)])
    found, expected = outputs_of(model, {"inputs": files}), outputs_of(model, {"inputs": rows})
    assert torch.equal(found["b"], expected["b"])
    large = Lazy(["a"] * 9, lambda cell: torch.zeros(1).expand(ROOM // 2))
    assert rows_at_a_time({"x": large}, 16) == 2
    assert rows_at_a_time({"x": large[:0]}, 16) == 1024
