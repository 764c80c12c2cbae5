import copy

import polars as pl
import pytest
import torch
from torch.nn import functional

import cotrain as ct
from cotrain._base import InvalidArgumentError, mix_seed
from cotrain._base._ragged import Ragged
from cotrain.configuration._registry import construct_class, describe
from cotrain.networks import MLP, HardSharing, InputSpec, MultiTaskNetwork, Separate, TableEncoder, TabM
from cotrain.training import Examples, Fit, Reconstruction
from cotrain.training._reconstruction import Reconstructor, exchanged

SPEC = InputSpec(n_numbers=3, cardinalities=(2, 4))


def inputs(n=40):
    generator = torch.Generator().manual_seed(0)
    numbers = torch.randn(n, 3, generator=generator) * torch.tensor([1.0, 5.0, 0.0]) + 2
    codes = torch.stack(
        [torch.randint(0, 2, (n,), generator=generator), torch.randint(2, 6, (n,), generator=generator)], 1
    )
    codes[0], codes[1] = torch.tensor([0, 2]), torch.tensor([1, 5])
    return {"numbers": numbers, "categories": codes}


def network(sharing=None, encoder=None):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        made = encoder or TableEncoder(8, 1, dropout=0.0, numbers="plain")
        built = (sharing or HardSharing()).build(lambda: copy.deepcopy(made).build(SPEC), ["a", "b"])
        heads = {task: torch.nn.Linear(width, 1) for task, width in built.widths().items()}
        return MultiTaskNetwork(built, heads)


def test_the_loss_is_its_equation():
    model, rows = network(), inputs()
    settings = Reconstruction(corruption=0.4, weight=2.0, mask=0.5)
    made = Reconstructor(settings, model, rows, batch_size=16, seed=3)
    step = 4  # the second batch of the second epoch: 40 rows are three batches
    order = torch.randperm(
        40, generator=torch.Generator().manual_seed(mix_seed(mix_seed(3, "reconstruction"), "epoch", 1))
    )
    batch = {name: leaf[order[16:32]] for name, leaf in rows.items()}
    generator = torch.Generator().manual_seed(mix_seed(3, "reconstruction", step))
    changed = {name: exchanged(batch[name], 0.4, generator) for name in ("numbers", "categories")}
    hidden = model.sharing(changed)["a"]
    said, told = made.value_head(hidden), made.mask_head(hidden)
    total = 0.0
    for column in range(3):
        all_rows = rows["numbers"][:, column]
        scale = all_rows.std(correction=0) if column < 2 else 1.0
        truth = (batch["numbers"][:, column] - all_rows.mean()) / scale
        total += (said[:, column] - truth).square().mean()
    for column, (first, last, low) in enumerate([(3, 5, 0), (5, 9, 2)]):
        total += functional.cross_entropy(said[:, first:last], batch["categories"][:, column] - low)
    moved = torch.cat([changed[name] != batch[name] for name in ("numbers", "categories")], dim=1)
    mask = functional.binary_cross_entropy_with_logits(told, moved.float())
    torch.testing.assert_close(made.loss(model, step), 2.0 * (total / 5 + 0.5 * mask))


def test_values_are_exchanged_within_their_column_and_as_often_as_asked():
    values = torch.arange(6000.0).reshape(2000, 3)
    given = exchanged(values, 0.3, torch.Generator().manual_seed(0))
    assert torch.equal(given % 3, values % 3)
    assert abs(float((given != values).float().mean()) - 0.3) < 0.02
    alone = values[:1]
    assert torch.equal(exchanged(alone, 0.9, torch.Generator().manual_seed(0)), alone)


def test_a_step_sees_the_same_rows_whether_or_not_those_before_were_seen():
    model = network()
    one, other = (Reconstructor(Reconstruction(), model, inputs(), batch_size=16, seed=3) for _ in "ab")
    in_turn = [one.loss(model, step).item() for step in range(7)]
    assert [other.loss(model, step).item() for step in (5, 2, 3, 6)] == [in_turn[s] for s in (5, 2, 3, 6)]
    assert len(set(in_turn)) == 7


@pytest.mark.parametrize("sharing", [HardSharing(), Separate()])
@pytest.mark.parametrize("encoder", [None, TabM(8, 1, members=2)])
def test_every_network_of_tables_takes_part_as_a_whole(sharing, encoder):
    model = network(sharing, encoder)
    made = Reconstructor(Reconstruction(), model, inputs(), batch_size=16, seed=0)
    made.loss(model, 0).backward()
    assert all(p.grad is not None for p in [*model.sharing.parameters(), *made.parameters()])
    assert all(p.grad is None for p in model.heads.parameters())


def test_rows_of_neither_numbers_nor_categories_are_refused():
    rows = {"words:t": Ragged.from_rows([torch.tensor([1, 2]), torch.tensor([3])])}
    with pytest.raises(InvalidArgumentError, match=r"training\.reconstruction learns numbers and categories"):
        Reconstructor(Reconstruction(), network(), rows, batch_size=2, seed=0)


@pytest.mark.parametrize("wrong", [{"corruption": 0}, {"corruption": 1}, {"weight": 0}, {"mask": -1}])
def test_arguments_out_of_range_are_one_sentence(wrong):
    with pytest.raises(InvalidArgumentError, match=f"{next(iter(wrong))}="):
        Reconstruction(**wrong)


# -- in a fit ----------------------------------------------------------------------------------------


def half_labelled(n=40):
    rows = inputs(n)
    known = torch.zeros(n, 1, dtype=torch.bool)
    known[: n // 2] = True
    targets = {"a": rows["numbers"][:, :1] * known, "b": rows["numbers"][:, 1:2] * known}
    return Examples(rows, targets, {"a": known, "b": known.clone()})


def fit(train=None, checkpoint=None, balancer=None, **options):
    tasks = [ct.tasks.Regression("a"), ct.tasks.Regression("b")]
    for task in tasks:
        task.fit(pl.DataFrame({task.name: [-1.0, 0.0, 1.0, 0.5]}))
    settings = ct.Training(**{"epochs": 3, "batch_size": 8, "reconstruction": Reconstruction()} | options)
    train = half_labelled() if train is None else train
    made = balancer or ct.balancing.Equal()
    return Fit(network(), tasks, made, settings, train=train, validation=None, checkpoint=checkpoint, seed=5)


def test_rows_without_labels_count_and_only_with_it():
    train = half_labelled()
    other = {name: leaf.clone() for name, leaf in train.inputs.items()}
    other["numbers"][20:] += 1
    changed = Examples(other, train.targets, train.masks)
    plain = [fit(rows, reconstruction=None).run().weights[0] for rows in (train, changed)]
    taught = [fit(rows).run().weights[0] for rows in (train, changed)]
    assert all(torch.equal(plain[0][name], plain[1][name]) for name in plain[0])
    assert not all(torch.equal(taught[0][name], taught[1][name]) for name in taught[0])


@pytest.mark.parametrize("balancer", [ct.balancing.Equal(), ct.balancing.UPGrad()])
def test_what_is_shared_gets_its_gradient_beside_that_of_the_balanced_tasks(balancer):
    learned = []
    for settings in (None, Reconstruction()):
        made = fit(balancer=copy.deepcopy(balancer), reconstruction=settings, clip=None, average=0.0)
        batch = next(iter(made.batches.epoch(0)))
        made.optimizer.step = lambda: None
        made.optimizer.zero_grad = lambda **_: None
        made._take_step(batch, made._active_tasks()[0])
        learned.append([p.grad.clone() for p in made.model.sharing.parameters()])
        if settings is not None:
            made.model.zero_grad()
            made.reconstructor.loss(made.model, 0).backward()
            learned.append([p.grad.clone() for p in made.model.sharing.parameters()])
    for without, both, own in zip(*learned, strict=True):
        torch.testing.assert_close(both, without + own, rtol=1e-4, atol=1e-6)


def test_interrupted_it_ends_bit_identical(tmp_path):
    whole = fit().run()
    path = tmp_path / "state.pt"
    broken = fit(checkpoint=path)
    broken.checkpoints.due = lambda *, epoch_ended: True
    step = broken._take_step

    def interrupted(batch, active):
        if broken._step == 4:
            raise KeyboardInterrupt
        step(batch, active)

    broken._take_step = interrupted
    with pytest.raises(KeyboardInterrupt):
        broken.run()
    again = fit(checkpoint=path)
    again.resume()
    result = again.run()
    assert all(torch.equal(result.weights[0][name], whole.weights[0][name]) for name in whole.weights[0])
    assert "mask_head.weight" not in whole.weights[0]


def test_it_learns_to_say_what_stood_there():
    made = fit(epochs=40, learning_rate=0.02)
    before = made.reconstructor.loss(made.model, 1000).item()
    made.run()
    assert made.reconstructor.loss(made.model, 1000).item() < 0.8 * before


def test_a_configuration_names_it():
    found = construct_class(ct.Training, {"reconstruction": {"corruption": 0.2}}, "training")
    assert found.reconstruction.corruption == 0.2
    assert describe(found) == {"reconstruction": {"corruption": 0.2}}


def test_one_tensor_of_numbers():
    sharing = HardSharing().build(lambda: MLP((8,), n_inputs=3).build(InputSpec()), ["a"])
    model = MultiTaskNetwork(sharing, {"a": torch.nn.Linear(8, 1)})
    made = Reconstructor(Reconstruction(), model, {"inputs": torch.randn(9, 3)}, batch_size=4, seed=0)
    assert bool(made.loss(model, 1).isfinite())
