"""Every kind of task honours how much each row counts, from the loss to the figures."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain._base import DataError
from cotrain._base._ragged import Leaf, padded
from cotrain.evaluation import TaskRecords, paired_bootstrap
from cotrain.evaluation._padded_scores import scores_of, truth_beside, truth_of

from .test_task_kinds_in_use import N_ROWS, PROBLEMS, learner_of

TIMES = np.array([(5 * i) % 4 for i in range(N_ROWS)])
NAMES = sorted(PROBLEMS)


def weighted_learner(name: str, weights: Any = TIMES, **options: Any) -> tuple[ct.Learner, pl.DataFrame]:
    """Return a learner whose rows count as often as `TIMES` says, and its table."""
    learner, frame = learner_of(name, sample_weight="w", **options)
    return learner, frame.with_columns(w=pl.Series(weights))


@pytest.fixture(scope="module", params=NAMES)
def fitted(request: pytest.FixtureRequest) -> tuple[ct.Learner, pl.DataFrame]:
    learner, frame = weighted_learner(request.param)
    return learner.fit(frame, validation=0.3, progress=False), frame


def coded(learner: ct.Learner, frame: pl.DataFrame) -> tuple[Any, Leaf, Leaf, Leaf]:
    """Return the task, and its outputs, targets and weights on a table."""
    task, examples = learner.preprocessor.tasks[0], learner.preprocessor.examples(frame)
    outputs = learner.fitted.joint_outputs(examples.inputs)["y"]
    return task, outputs, examples.targets["y"], examples.masks["y"]


def unweighted(task: Any) -> Any:
    found = copy.deepcopy(task)
    found.weight_column = None
    return found


def test_a_row_of_weight_two_is_the_row_given_twice_in_loss_and_gradient(
    fitted: tuple[ct.Learner, pl.DataFrame],
) -> None:
    task, outputs, targets, weights = coded(*fitted)
    plain, _ = unweighted(task).encode(fitted[1])
    _, known = unweighted(task).encode(fitted[1])
    repeated = torch.from_numpy(np.repeat(np.arange(N_ROWS), TIMES))
    output = padded(outputs).double().requires_grad_()
    ours = task.loss(output, padded(targets), padded(weights))
    (of_ours,) = torch.autograd.grad(ours, output)
    theirs = task.loss(output[repeated], padded(plain)[repeated], padded(known)[repeated])
    (of_theirs,) = torch.autograd.grad(theirs, output)
    ours, theirs = ours.detach(), theirs.detach()
    assert float(ours) > 0
    assert float(ours) == pytest.approx(float(theirs), rel=1e-12, abs=0)
    assert torch.allclose(of_ours, of_theirs, rtol=1e-12, atol=1e-12 * float(of_theirs.abs().max()))
    assert (of_ours[TIMES == 0] == 0).all()


def test_every_figure_is_that_of_the_rows_given_so_often(fitted: tuple[ct.Learner, pl.DataFrame]) -> None:
    task, outputs, targets, weights = coded(*fitted)
    _, known = unweighted(task).encode(fitted[1])
    every = np.repeat(np.arange(N_ROWS), TIMES)
    repeated = torch.from_numpy(every)
    metrics = task.available_metrics()
    ours, theirs = TaskRecords(task, metrics), TaskRecords(task, metrics)
    for rows in (slice(0, 7), slice(7, N_ROWS)):
        ours.add(outputs[rows], targets[rows], weights[rows])
    theirs.add(outputs[repeated], targets[repeated], known[repeated])
    for one, other in zip(ours.rows(parts=True), theirs.rows(parts=True), strict=True):
        assert one.value == pytest.approx(other.value, rel=1e-6, abs=1e-12, nan_ok=True), one
    assert any(not np.isnan(row.value) for row in ours.rows())
    assert ours.rows()[0].n_labelled == sum(i % 4 > 0 and TIMES[i] > 0 for i in range(N_ROWS))


def test_the_interval_of_a_difference_is_of_weighted_figures(
    fitted: tuple[ct.Learner, pl.DataFrame],
) -> None:
    task, outputs, targets, weights = coded(*fitted)
    scores = scores_of(task, outputs)
    truth = truth_beside(task, truth_of(task, targets, weights), scores)
    for metric in task.available_metrics():
        found = paired_bootstrap(metric, [scores], [scores], truth[0], mask=truth[1], n_resamples=50)
        assert found.value == 0 or np.isnan(found.value)
        records = TaskRecords(task, [metric])
        records.add(outputs, targets, weights)
        assert metric.compute(scores, *truth) == pytest.approx(records.value(metric), nan_ok=True)


def test_the_column_is_no_input_and_survives_a_run_folder(
    fitted: tuple[ct.Learner, pl.DataFrame], tmp_path: Path
) -> None:
    learner, frame = fitted
    schema = learner.preprocessor.schema
    assert schema is not None
    assert "w" not in [column.name for column in schema.columns]
    assert learner.predict(frame.drop("w")).equals(learner.predict(frame))
    learner.save(tmp_path / "run")
    again = ct.Learner.load(tmp_path / "run")
    assert again.sample_weight == "w"
    assert str(again.evaluate(frame)) == str(learner.evaluate(frame))
    with pytest.raises(DataError, match="^Task 'y': sample_weight 'w' is not a column of the table; .*$"):
        again.evaluate(frame.drop("w"))


@pytest.mark.parametrize("name", NAMES)
def test_a_task_alone_may_name_its_weights_and_they_go_before_the_learners(name: str) -> None:
    task, frame, _ = PROBLEMS[name]()
    own = type(task)(**{**ct._base.parameters_of(task), "sample_weight": "v"})
    assert own.usually_weighted_by("w").weight_column == "v"
    assert task.usually_weighted_by("w").weight_column == "w"
    assert task.weight_column is None
    table = frame.with_columns(v=pl.Series(TIMES))
    own.fit(table)
    _, weights = own.encode(table)
    rows = padded(weights).reshape(N_ROWS, -1).amax(dim=1).numpy()
    labelled = np.arange(N_ROWS) % 4 > 0
    assert ((rows > 0) == (labelled & (TIMES > 0))).all()
    mean = rows[rows > 0].mean()
    assert 0.5 < mean < 2
    assert np.allclose(rows[labelled] / mean, TIMES[labelled] / TIMES[labelled & (TIMES > 0)].mean())


BAD: dict[str, tuple[Any, str]] = {
    "negative": ([-1.0] * 2 + [1.0] * (N_ROWS - 2), r"is negative in 2 rows, the first being row 0 with -1"),
    "infinite": ([float("inf")] + [1.0] * (N_ROWS - 1), r"is infinite in 1 row, "),
    "empty": ([None, None, 1.0] * 8, r"is empty in \d+ rows with a label, the first being row 1: write 1 "),
    "nan": ([float("nan")] * N_ROWS, r"is 0 or empty in all 18 rows with a label"),
    "text": (["much", "1"] * 12, r"holds text in 12 rows: 'much'"),
    "zero": ([0] * N_ROWS, r"is 0 or empty in all 18 rows with a label: nothing is left to learn from"),
}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", BAD)
def test_bad_weights_are_refused_in_one_sentence(name: str, bad: str) -> None:
    weights, sentence = BAD[bad]
    learner, frame = weighted_learner(name, weights)
    with pytest.raises(DataError, match=rf"^Task 'y': sample_weight 'w' {sentence}[^\n]*$"):
        learner.fit(frame, validation=None, progress=False)


@pytest.mark.parametrize("name", ["Binary", "Multiclass", "Multilabel", "Regression"])
def test_the_coding_of_weighted_rows_is_that_of_the_rows_given_so_often(name: str) -> None:
    task, frame, _ = PROBLEMS[name]()
    if hasattr(task, "class_weight"):
        task.class_weight = "balanced"
    theirs = copy.deepcopy(task)
    theirs.fit(frame[np.repeat(np.arange(N_ROWS), TIMES)])
    ours = task.usually_weighted_by("w")
    ours.fit(frame.with_columns(w=pl.Series(TIMES)))
    states = [
        [value for key, value in sorted(one.state_dict().items()) if key in ("weights", "means", "scales")]
        for one in (ours, theirs)
    ]
    flat = [np.hstack([np.ravel(value) for value in state]) for state in states]
    assert len(flat[0])
    assert flat[0] == pytest.approx(flat[1], rel=1e-6)
    for one in (ours, theirs):
        one.weight_column = None
    table = frame.with_columns(w=pl.Series(TIMES))
    ours.weight_column = "w"
    best = ours.reference_output(*ours.encode(table))
    assert torch.allclose(
        best, theirs.reference_output(*theirs.encode(frame[np.repeat(np.arange(N_ROWS), TIMES)])), atol=1e-5
    )
