"""Scores that differ only by rounding are ties: for every metric, selector and calibrator.

A vectorised kernel rounds the tail of a tensor otherwise than its body. Here such differences are made by
hand, so that what a machine's kernels happen to do plays no part.
"""

from __future__ import annotations

import inspect
from functools import partial

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from cotrain import cotraining, tasks
from cotrain.cotraining import Candidates, Isotonic, Selector, Temperature
from cotrain.evaluation import diagnostics, evaluate

FRAME = pl.DataFrame(
    {
        "yes": [0, 1] * 8,
        "no": [1, 0, 0, 0] * 4,
        "class": ["a", "b", "c", "a"] * 4,
        "level": [1, 2, 3, 2] * 4,
        "value": [100.0 + i % 5 for i in range(16)],
    }
)
TASKS = {
    "Binary": tasks.Binary("yes"),
    "Multilabel": tasks.Multilabel("both", ["yes", "no"]),
    "Multiclass": tasks.Multiclass("class"),
    "Ordinal": tasks.Ordinal("level"),
    "Regression": tasks.Regression("value"),
}
for fitted in TASKS.values():
    fitted.fit(FRAME)
METRICS = [(kind, metric) for kind, task in TASKS.items() for metric in task.available_metrics()]
SELECTORS = [
    value
    for name in cotraining.__all__
    if isinstance(value := getattr(cotraining, name), type)
    and issubclass(value, Selector)
    and value is not Selector
]


def rounded(values: np.ndarray, rng: np.random.Generator, ulps: int = 4) -> np.ndarray:
    """Move every value by up to `ulps` units in its last place, as a kernel may."""
    exact = values.astype(np.float32)
    return (exact + rng.integers(-ulps, ulps + 1, exact.shape) * np.spacing(exact)).astype(np.float64)


def levels(task: tasks.Task, n_rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Make scores on few levels, so that there are ties, some at one half or at the edge of a bin."""
    if not task.has_classes:
        scores, targets = rng.integers(-8, 9, (2, n_rows, 1)) / 4
        return 10 + scores, 10 + targets
    if task.has_classes and not task.class_names:
        wide = len(task.labels)
        return rng.integers(1, 15, (n_rows, wide)) / 15, rng.integers(0, 2, (n_rows, wide)).astype(float)
    classes = len(task.parts)
    counts = 1 + rng.multinomial(4, np.full(classes, 1 / classes), n_rows)
    return counts / (4 + classes), rng.integers(0, classes, (n_rows, 1)).astype(float)


def test_every_kind_of_task_takes_part():
    kinds = [getattr(tasks, name) for name in tasks.__all__ if name != "Task"]
    # Tags of tokens have the same test among their own.
    exported = {kind.__name__ for kind in kinds if issubclass(kind, tasks.Task) and kind.reads == "vector"}
    assert exported <= set(TASKS)


@pytest.mark.parametrize(
    ("kind", "metric"), METRICS, ids=[f"{kind}-{metric.name}" for kind, metric in METRICS]
)
@given(n_rows=st.integers(1, 40), seed=st.integers(0, 2**16))
@example(n_rows=7, seed=26444)  # more than half of the targets are equal
def test_a_metric_does_not_see_how_scores_were_rounded(kind, metric, n_rows, seed):
    task, rng = TASKS[kind], np.random.default_rng(seed)
    scores, targets = levels(task, n_rows, rng)
    mask = rng.random(targets.shape) < 0.8
    exact = metric.compute(scores.astype(np.float32).astype(float), targets, mask)
    moved = metric.compute(rounded(scores, rng), targets, mask)
    # Smooth figures move with the scores; a tie that is broken would move a figure by 1 / 40² / 2 or more.
    np.testing.assert_allclose(moved, exact, rtol=1e-4, atol=1e-4)
    if metric.parts is not None:
        pair = (rounded(scores, rng), scores.astype(np.float32).astype(float))
        moved, exact = (metric.parts(metric.record(of, targets, mask), len(task.parts)) for of in pair)
        np.testing.assert_allclose(moved, exact, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("kind", "metric"), METRICS, ids=[f"{kind}-{metric.name}" for kind, metric in METRICS]
)
@given(n_rows=st.integers(1, 30), seed=st.integers(0, 2**16))
def test_a_metric_does_not_see_the_order_of_the_rows(kind, metric, n_rows, seed):
    task, rng = TASKS[kind], np.random.default_rng(seed)
    scores, targets = levels(task, n_rows, rng)
    scores, mask, order = rounded(scores, rng), rng.random(targets.shape) < 0.8, rng.permutation(n_rows)
    exact = metric.compute(scores, targets, mask)
    np.testing.assert_allclose(
        metric.compute(scores[order], targets[order], mask[order]), exact, rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize("kind", list(TASKS))
@given(seed=st.integers(0, 2**16))
def test_diagnostics_do_not_see_how_scores_were_rounded(kind, seed):
    task, rng = TASKS[kind], np.random.default_rng(seed)
    scores, targets = levels(task, 30, rng)
    mask = np.ones(targets.shape, dtype=bool)
    exact = diagnostics(task, scores.astype(np.float32).astype(float), targets, mask)
    moved = diagnostics(task, rounded(scores, rng), targets, mask)
    for name in ("confusion", "labels"):
        assert moved.get(name) == exact.get(name)
    assert [part["n"] for part in moved.get("calibration", [])] == [
        part["n"] for part in exact.get("calibration", [])
    ]


class Uneven(torch.autograd.Function):
    """Stands for a kernel that rounds the tail of a tensor upwards."""

    @staticmethod
    def forward(ctx, scores):
        tail = torch.arange(len(scores)) >= len(scores) // 8 * 8
        return torch.where(
            tail.reshape(-1, *[1] * (scores.dim() - 1)),
            torch.nextafter(scores, torch.full_like(scores, 2.0)),
            scores,
        )


@pytest.mark.parametrize("kind", list(TASKS))
def test_a_constant_is_ranked_as_a_constant_whatever_the_kernel_does(kind, monkeypatch):
    task, n_rows = TASKS[kind], 13
    score = type(task).scores
    monkeypatch.setattr(type(task), "scores", lambda self, output: Uneven.apply(score(self, output)))
    frame = FRAME.head(n_rows)
    targets, mask = task.encode(frame)
    constant = task.reference_output(targets, mask)
    table = evaluate(
        [task], {task.name: constant.expand(n_rows, -1)}, {task.name: targets}, {task.name: mask}
    )
    same = task.constant_scores(constant, n_rows)
    assert torch.equal(same, same[:1].expand_as(same))
    task_metrics = {metric.name: metric for metric in task.available_metrics()}
    for name in ("auroc", "spearman"):
        if name in task_metrics:
            truth = (task.original(targets).double().numpy(), mask.numpy())
            for scores in (same, task.scores(constant.expand(n_rows, -1))):
                value = task_metrics[name].compute(scores.double().numpy(), *truth)
                assert value == 0.5 if name == "auroc" else np.isnan(value)
    for row in table:
        assert row.value == pytest.approx(row.references["constant"], rel=1e-5, abs=1e-5, nan_ok=True)


#: Every selector as it is, and with a floor where it has one.
MADE = [
    pytest.param(partial(kind, **floor), id=" ".join([kind.__name__, *floor]))
    for kind in SELECTORS
    for floor in ({}, {"min_confidence": 0.8})
    if floor.keys() <= inspect.signature(kind).parameters.keys()
]


@pytest.mark.parametrize("kind", MADE)
@given(
    levels_=st.lists(st.tuples(st.integers(0, 1), st.integers(1, 20)), min_size=1, max_size=30),
    progress=st.sampled_from([0.25, 0.5, 1.0]),
    seed=st.integers(0, 2**16),
)
def test_a_selector_does_not_see_how_confidences_were_rounded(kind, levels_, progress, seed):
    rng = np.random.default_rng(seed)
    classes = torch.tensor([one for one, _ in levels_])[:, None]
    exact = np.array([[level / 20] for _, level in levels_])
    free = torch.from_numpy(rng.random(exact.shape) < 0.8)
    usual = rng.integers(1, 21, (*exact.shape, 2)) / 20

    def chosen(confidence: np.ndarray) -> list[bool]:
        prior = torch.tensor([[0.7, 0.3]])
        sure = torch.from_numpy(confidence).float()
        of_class = torch.from_numpy(usual).float()
        given_ = Candidates(
            classes,
            sure,
            free,
            torch.ones_like(free),
            prior=prior,
            progress=progress,
            typicality=lambda n_neighbours: of_class,
        )
        return kind().select(given_).flatten().tolist()

    assert chosen(rounded(exact, rng)) == chosen(exact)


@pytest.mark.parametrize("calibrator", [Isotonic(), Temperature()], ids=["Isotonic", "Temperature"])
@given(seed=st.integers(0, 2**16))
def test_a_calibrator_gives_what_differs_by_rounding_the_same(calibrator, seed):
    rng = np.random.default_rng(seed)
    top = rng.integers(10, 20, 80) / 20
    exact = torch.from_numpy(np.stack([top, 1 - top], axis=1)[:, None])
    truth = torch.from_numpy(rng.integers(0, 2, (80, 1)))
    known = torch.ones_like(truth, dtype=torch.bool)
    moved = torch.from_numpy(rounded(exact.numpy(), rng))
    first, second = calibrator.fit(exact, truth, known), calibrator.fit(moved, truth, known)
    for fitted_on in (first, second):
        torch.testing.assert_close(
            fitted_on.apply(moved).float(), first.apply(exact).float(), rtol=1e-4, atol=1e-5
        )


@given(seed=st.integers(0, 2**16), rows=st.integers(2, 20))
def test_peers_that_agree_but_for_rounding_rank_no_row_above_another(seed, rows):
    from cotrain.cotraining._predictions import Prediction, joined

    rng = np.random.default_rng(seed)
    one = np.repeat(np.float32(rng.normal()), rows)[:, None]
    peers = [torch.from_numpy(rounded(one, rng)).float() for _ in range(3)]
    prediction = joined([Prediction(values=values, spread=torch.zeros_like(values)) for values in peers])
    assert prediction.confidence().tolist() == [[0.5]] * rows
