from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import cotrain as ct
from cotrain._base import InvalidArgumentError
from cotrain.evaluation import TaskRecords
from cotrain.tasks import Regression
from cotrain.tasks.table._quantiles import best_quantiles, levels_of, pinball_losses

Y = np.random.default_rng(0).gamma(2.0, size=200)
FRAME = pl.DataFrame({"y": Y, "z": -2 * Y, "x": np.arange(200.0)})


def made(**options: object) -> Regression:
    task = Regression("y", quantiles=[0.1, 0.5, 0.9], **options)  # ty: ignore[invalid-argument-type]
    task.fit(FRAME)
    return task


def test_the_loss_is_that_of_every_level_written_out() -> None:
    task = made()
    targets, mask = task.encode(FRAME)
    output = torch.randn(200, 3, generator=torch.Generator().manual_seed(0)).double()
    expected = []
    for row, (true,) in zip(output.tolist(), targets.double().tolist(), strict=True):
        of_levels = [
            tau * (true - q) if true >= q else (1 - tau) * (q - true)
            for tau, q in zip((0.1, 0.5, 0.9), row, strict=True)
        ]
        expected.append(sum(of_levels) / 3)
    assert task.losses(output, targets)[:, 0].tolist() == pytest.approx(expected, rel=1e-12)
    assert float(task.loss(output, targets, mask)) == pytest.approx(np.mean(expected), rel=1e-12)


def test_the_best_constants_are_the_quantiles_of_the_labels() -> None:
    task = made()
    best = task.scores(task.reference_output(*task.encode(FRAME))[None])[0, 0, :, 0].numpy()
    assert best == pytest.approx(np.quantile(Y, [0.1, 0.5, 0.9], method="inverted_cdf"), rel=1e-5)


@given(
    values=st.lists(st.floats(-5, 5), min_size=1, max_size=9),
    level=st.floats(0.01, 0.99),
    other=st.floats(-6, 6),
    seed=st.integers(0, 99),
)
def test_no_other_constant_has_less_pinball_loss(
    values: list[float], level: float, other: float, seed: int
) -> None:
    y = torch.tensor(values).double()
    weights = torch.rand(len(y), generator=torch.Generator().manual_seed(seed)).double() + 0.1

    def loss(constant: torch.Tensor) -> float:
        losses = pinball_losses(constant.expand(len(y), 1, 1), y[:, None], [level])[:, 0]
        return float((losses * weights).sum())

    best = best_quantiles(y, weights, [level])
    assert loss(best[:, None, None]) <= loss(torch.tensor([[[other]]]).double()) + 1e-9


def test_columns_are_known_at_construction_and_never_cross() -> None:
    task = Regression("two", ["y", "z"], quantiles=[0.9, 0.1, 0.025])
    assert task.output_columns == ["y", "y_q2.5", "y_q10", "y_q90", "z", "z_q2.5", "z_q10", "z_q90"]
    task.fit(FRAME)
    output = torch.randn(50, task.n_outputs, generator=torch.Generator().manual_seed(1))
    found = task.predict(output)
    assert list(found) == task.output_columns
    for label in ("y", "z"):
        ordered = [found[name] for name in (f"{label}_q2.5", f"{label}_q10", label, f"{label}_q90")]
        assert all((low <= high).all() for low, high in itertools.pairwise(ordered))


@pytest.mark.parametrize("columns", [["y"], ["y", "z"], ["y", "z", "w"]])
def test_outputs_come_back_from_their_scores(columns: list[str]) -> None:
    task = Regression("some", columns, quantiles=[0.1, 0.9], transform="log")
    task.fit(pl.DataFrame({"y": [1.0, 5.0, 9.0], "z": [100.0, 300.0, 9.0], "w": [1.0, 2.0, 4.0]}))
    output = torch.randn(7, task.n_outputs, generator=torch.Generator().manual_seed(1))
    ordered = output.unflatten(1, (-1, 3)).sort(dim=-1).values.flatten(1)
    torch.testing.assert_close(task.output_of_scores(task.scores(output)), ordered)


def test_putting_in_order_never_makes_the_loss_larger() -> None:
    task = made()
    targets, _ = task.encode(FRAME)
    output = torch.randn(200, 3, generator=torch.Generator().manual_seed(2)) * 3
    assert task.losses(output.sort(dim=1).values, targets).sum() <= task.losses(output, targets).sum() + 1e-5


@pytest.mark.parametrize("transform", ["none", "log", "log1p"])
def test_the_median_is_the_prediction_and_the_named_column(transform: str) -> None:
    task = made(transform=transform)
    targets, _ = task.encode(FRAME)
    output = targets + torch.tensor([[1.0, 0.0, -1.0]])  # the wrong way round
    found = task.predict(output)
    assert found["y"].tolist() == pytest.approx(Y.tolist(), rel=1e-4)
    assert (found["y"] == found["y_q50"]).all()
    assert (found["y_q10"] < found["y"]).all()
    assert (found["y"] < found["y_q90"]).all()
    assert torch.allclose(task.pseudo_label(output), targets)
    assert task.confidence(output).shape == targets.shape


def test_figures_are_those_written_out() -> None:
    task = Regression(
        "y", quantiles=[0.1, 0.9], metrics=["pinball", "coverage", "coverage_error", "interval_width", "mae"]
    )
    task.fit(FRAME)
    targets, mask = task.encode(FRAME)
    mask[:20] = False
    output = torch.randn(200, 3, generator=torch.Generator().manual_seed(3))
    records = TaskRecords(task)
    for rows in (slice(0, 30), slice(30, 200)):
        records.add(output[rows], targets[rows], mask[rows])
    found = {row.metric: row.value for row in records.rows()}
    q = np.sort(output.double().numpy(), axis=1)[20:] * Y.std() + Y.mean()
    y = Y[20:, None]
    pinball = np.where(y >= q, [0.1, 0.5, 0.9] * (y - q), [0.9, 0.5, 0.1] * (q - y)).mean()
    inside = ((q[:, 0] <= y[:, 0]) & (y[:, 0] <= q[:, 2])).mean()
    assert found["pinball"] == pytest.approx(pinball, rel=1e-4)
    assert found["coverage"] == pytest.approx(inside)
    assert found["coverage_error"] == pytest.approx(abs(inside - 0.8))
    assert found["interval_width"] == pytest.approx((q[:, 2] - q[:, 0]).mean(), rel=1e-4)
    assert found["mae"] == pytest.approx(np.abs(q[:, 1] - y[:, 0]).mean(), rel=1e-4)


@pytest.mark.parametrize("bad", [[], [0.0], [1.0], [0.5, 0.5], ["a"], [float("nan")], [True], 0.5, "0.5"])
def test_bad_levels_are_refused_in_one_sentence(bad: object) -> None:
    with pytest.raises(InvalidArgumentError, match=r"^Regression\('y', quantiles=[^\n]*$"):
        Regression("y", quantiles=bad)  # ty: ignore[invalid-argument-type]


def test_levels_without_the_median_get_it() -> None:
    assert levels_of("y", [0.2]) == [0.2, 0.5]
    assert Regression("y", quantiles=[0.2]).output_columns == ["y", "y_q20"]


def test_figures_of_quantiles_need_quantiles_and_they_no_other_loss() -> None:
    with pytest.raises(InvalidArgumentError, match="has no metric 'pinball'"):
        Regression("y", metrics=["pinball"])
    with pytest.raises(InvalidArgumentError, match="leave criterion out"):
        Regression("y", quantiles=[0.1], criterion="mae")


def test_a_collision_of_columns_is_refused_at_construction() -> None:
    with pytest.raises(InvalidArgumentError, match="two columns named 'y_q10'"):
        ct.Learner([Regression("y", quantiles=[0.1]), Regression("y_q10")])


def test_the_intervals_of_a_network_cover_what_they_say(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, 1500)
    frame = pl.DataFrame({"x": x, "y": x + (0.1 + (x > 0)) * rng.normal(size=1500)})
    learner = ct.Learner(
        [Regression("y", quantiles=[0.1, 0.9])],
        encoder=ct.networks.TableEncoder(width=32, depth=1),
        training=ct.Training(epochs=25, batch_size=64),
    )
    learner.fit(frame[:1000], validation=0.2, progress=False)
    found = learner.evaluate(frame[1000:])
    assert 0.7 < found.value("y", "coverage") < 0.9
    said = learner.predict(frame[1000:])
    width = (said["y_q90"] - said["y_q10"]).to_numpy()
    assert width[x[1000:] > 0.2].mean() > 3 * width[x[1000:] < -0.2].mean()
    assert found.value("y") < 0.8 * found.row("y").references["constant"]
    learner.save(tmp_path / "run")
    assert ct.Learner.load(tmp_path / "run").predict(frame).equals(learner.predict(frame))
