from __future__ import annotations

import math

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.evaluation import TaskScores, delta_m, delta_m_difference
from cotrain.tasks import Binary, Metric, Regression


def mean(records: np.ndarray) -> float:
    known = records[~np.isnan(records)]
    return float(known.mean()) if len(known) else math.nan


MEAN = Metric("mean", "max", lambda scores, targets, mask: np.where(mask, scores, np.nan), mean)
RMSE, AUROC = Regression.available_metrics()[0], Binary.available_metrics()[0]


def task(metric: Metric, joint: list, alone: list, targets: np.ndarray, mask: np.ndarray) -> TaskScores:
    return TaskScores(metric, joint, alone, targets, mask)


def problem(seed: int, n_rows: int = 150) -> dict[str, TaskScores]:
    """A regression and a half-labelled classification, three seeds."""
    rng = np.random.default_rng(seed)
    y = rng.normal(size=(n_rows, 1))
    labels, mask = (y > 0).astype(float), rng.random((n_rows, 1)) < 0.5

    def side(size: float) -> list[np.ndarray]:
        return [y + size * rng.normal(size=y.shape) for _ in range(3)]

    return {
        "price": task(RMSE, side(0.8), side(1.0), y, np.ones_like(mask)),
        "sold": task(AUROC, side(1.0), side(1.0), labels, mask),
    }


def test_the_value_is_that_of_delta_m() -> None:
    tasks = problem(0)
    means = [
        {
            name: {one.metric.name: np.mean([one.metric.compute(s, one.targets, one.mask) for s in side])}
            for name, one in tasks.items()
            for side in [(one.joint, one.alone)[which]]
        }
        for which in (0, 1)
    ]
    expected = delta_m(means[0], means[1], {RMSE.name: "min", AUROC.name: "max"}).value
    assert delta_m_difference(tasks).value == pytest.approx(expected)


def test_a_task_in_which_the_lone_networks_reach_nothing_is_left_out_as_by_delta_m() -> None:
    tasks = problem(0)
    some, none = np.full((150, 1), 0.3), np.zeros((150, 1))
    nothing = task(MEAN, [some] * 3, [none] * 3, none, np.ones((150, 1), bool))
    found = delta_m_difference({"mean": nothing, **tasks})
    assert found.to_json() == delta_m_difference(tasks).to_json()
    assert math.isnan(delta_m_difference({"mean": nothing}).value)


def constant_networks(rng: np.random.Generator, n_seeds: int, of_joint: float, of_alone: list[float]) -> dict:
    """Networks that are off by one constant: no spread over rows, and a joint error that all tasks share."""
    n, shared = 12, of_joint * rng.normal(size=n_seeds)
    zero, mask = np.zeros((n, 1)), np.ones((n, 1), bool)

    def network(value: float) -> np.ndarray:
        return np.full((n, 1), 10 + value)

    return {
        str(k): task(
            MEAN, [network(s) for s in shared], [network(size * rng.normal()) for _ in shared], zero, mask
        )
        for k, size in enumerate(of_alone)
    }


def test_the_variance_over_seeds_is_written_out() -> None:
    rng = np.random.default_rng(0)
    tasks = constant_networks(rng, 4, 0.1, [0.1, 0.2, 0.3])
    joint = np.array([[v[0, 0] for v in one.joint] for one in tasks.values()])
    alone = np.array([[v[0, 0] for v in one.alone] for one in tasks.values()])
    scale = alone.mean(axis=1, keepdims=True)
    parts = [(joint / scale).mean(axis=0).var(ddof=1) / 4]
    parts += [(alone[k] / scale[k]).var(ddof=1) / 9 / 4 for k in range(3)]
    found = delta_m_difference(tasks)
    assert found.chance.of_seeds == pytest.approx(sum(parts), rel=1e-9)
    assert found.chance.df_of_seeds == pytest.approx(3 * sum(parts) ** 2 / sum(v**2 for v in parts))
    assert found.value == pytest.approx(((joint.mean(axis=1) - scale[:, 0]) / scale[:, 0]).mean())


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_seeds", "of_joint", "of_alone"),
    [(3, 0.1, [0.1] * 3), (3, 0.1, [0.02, 0.02, 0.4]), (3, 0.02, [0.1] * 6), (5, 0.2, [0.05, 0.1])],
)
def test_without_a_difference_there_are_few_words(
    n_seeds: int, of_joint: float, of_alone: list[float]
) -> None:
    rng, n = np.random.default_rng(1), 300
    count = sum(
        delta_m_difference(constant_networks(rng, n_seeds, of_joint, of_alone), n_resamples=50).p_value < 0.05
        for _ in range(n)
    )
    # Two and a half standard errors of a share of .05 in 300 are .031.
    assert count / n <= 0.081


def test_rows_of_all_tasks_are_resampled_together() -> None:
    rng = np.random.default_rng(0)
    n = 400
    off, zero, mask = rng.normal(size=(n, 1)), np.zeros((n, 1)), np.ones((n, 1), bool)
    one = task(MEAN, [10 + off], [zero + 10], zero, mask)
    alone = delta_m_difference({"a": one}, n_resamples=1000)
    twice = delta_m_difference({"a": one, "b": one}, n_resamples=1000)
    # The same task twice says nothing more.
    assert twice.high - twice.low == pytest.approx(alone.high - alone.low, rel=1e-9)
    other = task(MEAN, [10 + rng.normal(size=(n, 1))], [zero + 10], zero, mask)
    both = delta_m_difference({"a": one, "b": other}, n_resamples=1000)
    assert both.high - both.low == pytest.approx((alone.high - alone.low) / math.sqrt(2), rel=0.12)


def test_groups_and_times_are_units() -> None:
    tasks = problem(0)
    groups = delta_m_difference(tasks, groups=np.arange(150) // 10, n_resamples=50)
    times = delta_m_difference(tasks, times=np.arange(150), n_resamples=50)
    assert (groups.unit, groups.chance.n_units) == ("groups", 15)
    assert (times.unit, times.chance.n_units) == ("blocks of time", 12)


def test_targets_of_more_axes_are_rows_too() -> None:
    """Masks of pictures and words: what is drawn are rows, whatever axes come after them."""
    flat = problem(0)["sold"]

    def first_entry(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
        return np.where(mask, scores, np.nan).reshape(len(scores), -1)[:, :1]

    metric = Metric("mean", "max", first_entry, mean)

    def wide(entries: np.ndarray) -> np.ndarray:
        return np.broadcast_to(entries[:, :1, None], (len(entries), 3, 5))

    def scores(change) -> TaskScores:
        sides = ([change(one) for one in side] for side in (flat.joint, flat.alone))
        return TaskScores(metric, *sides, change(flat.targets), change(flat.mask))

    assert delta_m_difference({"a": scores(wide)}) == delta_m_difference({"a": scores(lambda one: one)})


def test_what_cannot_be_compared_is_nan_and_what_makes_no_sense_is_refused() -> None:
    y, mask = np.zeros((20, 1)), np.ones((20, 1), bool)
    one_class = task(AUROC, [y], [y], y, mask)
    assert math.isnan(delta_m_difference({"a": one_class}).value)
    unlabelled = task(MEAN, [y], [y], y, ~mask)
    assert math.isnan(delta_m_difference({"a": unlabelled}).p_value)
    # Where the reference is 0 there is no share of it.
    assert math.isnan(delta_m_difference({"a": task(MEAN, [y + 1], [y], y, mask)}).value)
    with pytest.raises(InvalidArgumentError, match=r"2 tasks with \[1, 2\] seeds"):
        delta_m_difference({"a": task(MEAN, [y], [y], y, mask), "b": task(MEAN, [y] * 2, [y] * 2, y, mask)})
    with pytest.raises(InvalidArgumentError, match="0 tasks"):
        delta_m_difference({})
