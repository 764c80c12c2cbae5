import copy

import numpy as np
import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain.learner import Preprocessor
from cotrain.learner._gradient_probe import GradientProbe, _look


@pytest.fixture
def frame():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 2))
    same = x[:, 0] > 0
    labels = {"same": same, "again": same, "other": x[:, 1] > 0, "seldom": same}
    columns = {name: pl.Series(values).cast(pl.Int64) for name, values in labels.items()}
    columns["seldom"] = columns["seldom"].scatter(list(range(60, 300)), None)
    return pl.DataFrame({"x0": x[:, 0], "x1": x[:, 1], **columns})


def learner(*names):
    return ct.Learner(
        [ct.tasks.Binary(name) for name in names],
        encoder=ct.networks.TableEncoder(width=64, depth=1),
        training=ct.Training(batch_size=32),
        columns={name: "drop" for name in ("same", "again", "other", "seldom") if name not in names},
    )


def test_equal_tasks_agree_more_than_different_ones(frame):
    before = torch.get_rng_state()
    found = GradientProbe.of(learner("same", "again", "other"), frame, steps=60)
    assert torch.equal(before, torch.get_rng_state())
    cosines = {(pair.first, pair.second): pair.cosine for pair in found.pairs}
    assert cosines["same", "again"] > cosines["same", "other"] + 0.1
    assert found.opposed() == []
    assert (found.steps, found.rows) == (60, 300)


def test_rows_and_passes_are_limited_and_rare_tasks_do_no_harm(frame):
    found = GradientProbe.of(learner("same", "seldom"), frame, rows=64)
    assert GradientProbe.of(learner("same", "seldom"), frame, rows=64) == found
    assert found.rows == 64
    assert found.steps == 20  # ten passes over two batches
    assert all(np.isfinite(pair.cosine) for pair in found.pairs)


@pytest.mark.parametrize("seed", [1, 9, 22])
def test_noise_that_targets_have_in_common_opposes_nothing(seed):
    """Nothing can be learned; residuals that go together point along or against each other all the time."""
    rng = np.random.default_rng(seed)
    shared, signs = rng.normal(size=1000), [1, -1, 1, -1]
    columns = {f"t{k}": sign * shared + 0.3 * rng.normal(size=1000) for k, sign in enumerate(signs)}
    inputs = {f"x{i}": rng.normal(size=1000) for i in range(4)}
    tasks = [ct.tasks.Regression(name) for name in columns]
    found = GradientProbe.of(ct.Learner(tasks, seed=seed), pl.DataFrame(inputs | columns))
    assert found.opposed() == []
    assert max(abs(pair.cosine) for pair in found.pairs) < 0.1


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_two_tasks_that_one_unit_has_to_serve_are_opposed(noise):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 2))
    frame = pl.DataFrame(
        {"x0": x[:, 0], "x1": x[:, 1]}
        | {name: column + noise * rng.normal(size=2000) for name, column in zip("ab", x.T, strict=True)}
    )
    found = GradientProbe.of(
        ct.Learner(
            [ct.tasks.Regression("a"), ct.tasks.Regression("b")],
            encoder=ct.networks.TableEncoder(width=1, depth=0, numbers="plain"),
            training=ct.Training(learning_rate=0.02),
        ),
        frame,
    )
    assert [(pair.first, pair.second) for pair in found.opposed()] == [("a", "b")]


def test_a_look_compares_one_half_of_the_rows_for_the_one_with_the_other_half_for_the_other(frame):
    made = learner("same", "other", "seldom")
    preprocessor, examples = Preprocessor.fit(frame, copy.deepcopy(made.tasks), made.columns, [])
    model = made.architecture.build(preprocessor).eval()
    tasks, rows = preprocessor.tasks, torch.arange(50, 75)
    parts = examples.take(rows)
    batch = {"inputs": parts.inputs, "targets": parts.targets, "masks": parts.masks}

    def gradient(task, half):
        own = examples.take(rows[half::2])
        loss = task.loss(model(own.inputs)[task.name], own.targets[task.name], own.masks[task.name])
        found = torch.autograd.grad(loss, list(model.shared_parameters()))
        return torch.cat([one.flatten() for one in found]).double()

    found = _look(model, tasks, batch)
    for i, one in enumerate(tasks):
        for j, other in enumerate(tasks):
            cosines = [
                torch.cosine_similarity(gradient(one, half), gradient(other, 1 - half), dim=0)
                for half in range(2)
            ]
            assert found[i, j] == pytest.approx(float(sum(cosines)) / 2, abs=1e-5)
    alone = {name: {key: leaf[:1] for key, leaf in of.items()} for name, of in batch.items()}
    assert np.isnan(_look(model, tasks, alone)).all()  # a batch of one has no other half
