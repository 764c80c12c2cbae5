"""What every kind of task promises, checked for each exported one."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import cotrain.tasks
from cotrain._base import CotrainError, DataError, parameters_of
from cotrain.tasks import Task

KINDS = [
    getattr(cotrain.tasks, name)
    for name in cotrain.tasks.__all__
    if issubclass(getattr(cotrain.tasks, name), Task) and getattr(cotrain.tasks, name) is not Task
]
#: Those with one vector of targets a row; of the others each one's own tests say what it promises.
WIDE = [kind for kind in KINDS if kind.reads == "vector"]

# Per kind: several ways to make it, each with the columns it reads.
YES_NO = ["yes", "no", None, "yes", "no", "no", "yes", "", "no"]
COLOUR = ["red", "blue", None, "red", "green", "blue", "green", "", "red"]
SIZE = ["s", "m", None, "l", "s", "m", "l", "", "l"]
VALUE = [1.0, 2.5, None, 3.0, 10.0, 0.5, 4.0, float("nan"), 2.0]
TAGS = ["a,b", "b", None, "a", "c, b", "c", "a,c", "", "b"]
HOT = [1, 0, 1, None, 0, 1, 0, None, 1]
COLD = [0, 1, None, 1, 0, 0, 1, None, None]
FRAME = pl.DataFrame(
    {"yes": YES_NO, "colour": COLOUR, "size": SIZE, "value": VALUE, "tags": TAGS, "hot": HOT, "cold": COLD},
    strict=False,
).with_columns(other=pl.col("value") * 2 + 1, row=pl.int_range(9))

CASES: dict[str, list[dict]] = {
    "Binary": [{"name": "yes"}, {"name": "b", "columns": "yes", "positive": "no", "class_weight": "balanced"},
               {"name": "yes", "label_smoothing": 0.1}, {"name": "yes", "focal_gamma": 2.0}],
    "Multiclass": [{"name": "colour"},
                   {"name": "colour", "class_weight": "balanced", "label_smoothing": 0.2},
                   {"name": "colour", "class_weight": {"red": 3.0}, "focal_gamma": 0.5}],
    "Regression": [{"name": "value"}, {"name": "two", "columns": ["value", "other"], "criterion": "huber"},
                   {"name": "value", "criterion": "mae", "transform": "log"},
                   {"name": "value", "transform": "log1p"}, {"name": "value", "quantiles": [0.9, 0.25]},
                   {"name": "two", "columns": ["value", "other"], "quantiles": [0.1, 0.5, 0.9]}],
    "Multilabel": [{"name": "m", "columns": ["hot", "cold"]}, {"name": "tags", "separator": ","},
                   {"name": "tags", "separator": ",", "focal_gamma": 1.0}],
    "Ordinal": [{"name": "size", "levels": ["s", "m", "l"]}],
}  # fmt: skip
MADE = [pytest.param(kind, options, id=f"{kind.__name__}-{i}") for kind in WIDE for i, options in
        enumerate(CASES.get(kind.__name__, []))]  # fmt: skip


def fitted(kind: type[Task], options: dict) -> Task:
    task = kind(**options)
    task.fit(FRAME)
    return task


def outputs_for(task: Task, n_rows: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(n_rows, task.n_outputs, generator=torch.Generator().manual_seed(seed))


def test_every_kind_has_a_case() -> None:
    assert {kind.__name__ for kind in WIDE} <= set(CASES)


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_parameters_are_kept_under_their_names(kind: type[Task], options: dict) -> None:
    task = kind(**options)
    again = kind(**parameters_of(task))
    assert parameters_of(again) == parameters_of(task)


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_encode_gives_targets_and_mask(kind: type[Task], options: dict) -> None:
    task = fitted(kind, options)
    targets, mask = task.encode(FRAME)
    assert targets.shape == mask.shape == (9, len(task.labels))
    assert targets.dtype in (torch.float32, torch.int64)
    assert mask.dtype == torch.bool
    assert (targets[~mask] == 0).all()
    for t in range(mask.shape[1]):
        column = FRAME[task.columns[t] if len(task.columns) > 1 else task.columns[0]]
        missing = [value is None or value == "" or value != value for value in column.to_list()]
        assert mask[:, t].tolist() == [not gone for gone in missing]


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_when_hides_labels(kind: type[Task], options: dict) -> None:
    task = kind(**options, when="row != 3")
    task.fit(FRAME)
    plain = fitted(kind, options)
    _, mask = task.encode(FRAME)
    _, all_rows = plain.encode(FRAME)
    assert not mask[3].any()
    assert mask.sum() <= all_rows.sum()


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_state_is_json_and_restores(kind: type[Task], options: dict) -> None:
    task = fitted(kind, options)
    fresh = kind(**options)
    fresh.load_state_dict(json.loads(json.dumps(task.state_dict())))
    assert fresh.n_outputs == task.n_outputs
    assert fresh.labels == task.labels
    assert fresh.parts == task.parts
    for ours, theirs in zip(fresh.encode(FRAME), task.encode(FRAME), strict=True):
        assert torch.equal(ours, theirs)
    output = outputs_for(task, 9)
    ours, theirs = fresh.predict(output), task.predict(output)
    assert list(ours) == list(theirs)
    assert all(list(ours[name]) == list(theirs[name]) for name in ours)
    targets, mask = task.encode(FRAME)
    assert torch.equal(fresh.loss(output, targets, mask), task.loss(output, targets, mask))


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_unlabelled_entries_send_no_gradient(kind: type[Task], options: dict) -> None:
    task = fitted(kind, options)
    targets, mask = task.encode(FRAME)
    output = outputs_for(task, 9).requires_grad_()
    task.loss(output, targets, mask).backward()
    assert output.grad is not None
    assert (output.grad[~mask.any(dim=1)] == 0).all()
    assert (output.grad[mask.any(dim=1)].abs().sum(dim=1) > 0).all()


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_loss_is_the_mean_over_labelled_entries(kind: type[Task], options: dict) -> None:
    task = fitted(kind, options)
    targets, mask = task.encode(FRAME)
    output = outputs_for(task, 9)
    losses = task.losses(output, targets)
    assert losses.shape == targets.shape
    expected = np.mean([float(losses[b, t]) for b, t in mask.nonzero().tolist()])
    assert float(task.loss(output, targets, mask)) == pytest.approx(expected, rel=1e-5)
    half = mask.float() * 0.5
    assert float(task.loss(output, targets, half)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_the_columns_of_a_prediction_are_known(kind: type[Task], options: dict) -> None:
    task = fitted(kind, options)
    assert list(task.predict(outputs_for(task, 3))) == task.output_columns


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_nothing_labelled_costs_nothing(kind: type[Task], options: dict) -> None:
    task = fitted(kind, options)
    targets, mask = task.encode(FRAME)
    output = outputs_for(task, 9).requires_grad_()
    for empty in (torch.zeros_like(mask), torch.zeros_like(mask, dtype=torch.float32)):
        output.grad = None
        loss = task.loss(output, targets, empty)
        loss.backward()
        assert loss == 0
        assert output.grad is not None
        assert (output.grad == 0).all()
        assert torch.isfinite(task.reference_output(targets, empty)).all()


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_a_batch_of_one_and_of_none(kind: type[Task], options: dict) -> None:
    task = fitted(kind, options)
    for n_rows in (1, 0):
        targets, mask = task.encode(FRAME.head(n_rows))
        output = outputs_for(task, n_rows)
        assert torch.isfinite(task.loss(output, targets, mask))
        assert all(len(values) == n_rows for values in task.predict(output).values())


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_loss_in_half_precision_is_float32(kind: type[Task], options: dict) -> None:
    task = fitted(kind, options)
    targets, mask = task.encode(FRAME)
    output = outputs_for(task, 9).bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = task.loss(output, targets, mask)
    assert loss.dtype == torch.float32
    assert float(loss) == pytest.approx(float(task.loss(output.float(), targets, mask)), rel=1e-6)
    assert torch.equal(task.scores(output), task.scores(output.float()))
    assert torch.equal(task.confidence(output), task.confidence(output.float()))
    assert torch.equal(task.pseudo_label(output), task.pseudo_label(output.float()))


@pytest.mark.parametrize(("kind", "options"), MADE)
@settings(max_examples=25)
@given(noise=st.lists(st.floats(-3, 3), min_size=8, max_size=8), seed=st.integers(0, 100))
def test_no_constant_beats_the_reference(
    kind: type[Task], options: dict, noise: Sequence[float], seed: int
) -> None:
    task = fitted(kind, options)
    targets, mask = task.encode(FRAME)
    mask = mask & (torch.rand(mask.shape, generator=torch.Generator().manual_seed(seed)) < 0.8)
    other = task.reference_output(targets, mask) + torch.tensor(noise)[: task.n_outputs]
    reference = task.reference_loss(targets, mask)
    assert reference <= float(task.loss(other.expand(9, -1), targets, mask)) + 1e-5


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_figures_stand_beside_a_constant_that_no_option_of_the_loss_has_moved(
    kind: type[Task], options: dict
) -> None:
    emphasis = {"class_weight", "label_smoothing", "focal_gamma"}
    emphasised = fitted(kind, options)
    plain = fitted(kind, {name: value for name, value in options.items() if name not in emphasis})
    truth = plain.encode(FRAME)
    assert torch.equal(emphasised.best_constant(*truth), plain.best_constant(*truth))


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_a_new_head_can_start_at_the_reference(kind: type[Task], options: dict) -> None:
    task = fitted(kind, options)
    targets, mask = task.encode(FRAME)
    head = task.head(4, hidden=[3])
    task.start_head(head, targets, mask)
    # With silent hidden units only the bias speaks.
    for name, parameter in head.named_parameters():
        if name.endswith("weight"):
            torch.nn.init.zeros_(parameter)
    output = head(torch.zeros(9, 4)).detach()
    assert float(task.loss(output, targets, mask)) == pytest.approx(
        task.reference_loss(targets, mask), abs=1e-5
    )
    assert task.head(4)(torch.zeros(2, 7, 4)).shape == (2, 7, task.n_outputs)


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_pseudo_labels_are_in_the_coding_of_encode(kind: type[Task], options: dict) -> None:
    task = fitted(kind, options)
    targets, _ = task.encode(FRAME)
    output = outputs_for(task, 9)
    pseudo = task.pseudo_label(output)
    assert pseudo.shape == targets.shape
    assert pseudo.dtype == targets.dtype
    assert torch.isfinite(task.loss(output, pseudo, torch.ones(pseudo.shape)))
    confidence = task.confidence(output)
    assert confidence.shape == targets.shape
    assert ((confidence >= 0) & (confidence <= 1)).all()


@pytest.mark.parametrize("threshold", [None, 0.2, 0.8])
@pytest.mark.parametrize(("kind", "options"), MADE)
def test_confidence_is_the_probability_of_what_is_predicted(
    kind: type[Task], options: dict, threshold: float | None
) -> None:
    can_decide = "threshold" in inspect.signature(kind).parameters
    if threshold is not None and not can_decide:
        pytest.skip("its predictions have no threshold")
    task = fitted(kind, options | ({"threshold": threshold} if can_decide else {}))
    if not task.has_classes:
        return
    output = outputs_for(task, 9)
    scores, label = task.scores(output), task.pseudo_label(output).long()
    of_label = torch.where(label == 1, scores, 1 - scores) if can_decide else scores.gather(1, label)
    torch.testing.assert_close(task.confidence(output), of_label)


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_predictions_encode_to_the_pseudo_labels(kind: type[Task], options: dict) -> None:
    task = fitted(kind, options)
    output = outputs_for(task, 9)
    columns = task.predict(output)
    assert all(len(values) == 9 for values in columns.values())
    if len(task.columns) == 1:
        assert task.name in columns
        frame = pl.DataFrame({task.columns[0]: columns[task.name]})
    else:
        frame = pl.DataFrame({column: columns[column] for column in task.columns})
    targets, mask = task.encode(frame)
    pseudo = task.pseudo_label(output)
    torch.testing.assert_close(torch.where(mask, targets, pseudo), pseudo, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_metrics(kind: type[Task], options: dict) -> None:
    task = fitted(kind, options)
    targets, mask = task.encode(FRAME)
    truth, labelled = task.original(targets).double().numpy(), mask.numpy()
    scores = task.scores(outputs_for(task, 9)).double().numpy()
    assert task.default_metrics()[0] == task.chosen_metrics()[0].name
    names = [metric.name for metric in task.available_metrics()]
    assert len(set(names)) == len(names)
    for metric in task.available_metrics():
        value = metric.compute(scores, truth, labelled)
        assert isinstance(value, float)
        assert (value <= metric.best + 1e-9) if metric.direction == "max" else (value >= metric.best)
        assert np.isnan(metric.compute(scores, truth, np.zeros_like(labelled)))
        if metric.parts is not None:
            records = metric.record(scores, truth, labelled)
            assert metric.parts(records, len(task.parts)).shape == (len(task.parts),)
            none = metric.record(scores, truth, np.zeros_like(labelled))
            assert np.isnan(metric.parts(none, len(task.parts))).all()
        one = np.zeros_like(labelled)
        one[0] = labelled[0]
        metric.compute(scores, truth, one)


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_unseen_labels_are_counted_and_crash_nothing(kind: type[Task], options: dict) -> None:
    task = fitted(kind, options)
    if kind.__name__ == "Regression":
        assert task.unseen(FRAME) == {}
        return
    strange = pl.DataFrame({column: ["never seen", "never seen", None] for column in task.columns})
    assert task.unseen(strange) == {f"{column}=never seen": 2 for column in task.columns}
    targets, mask = task.encode(strange)
    output = outputs_for(task, 3).requires_grad_()
    task.loss(output, targets, mask).backward()
    assert output.grad is not None
    assert torch.isfinite(output.grad).all()
    scores = task.scores(output.detach()).double().numpy()
    for metric in task.available_metrics():
        metric.compute(scores, task.original(targets).double().numpy(), mask.numpy())


@pytest.mark.parametrize(("kind", "options"), MADE)
def test_bad_columns_are_refused_in_a_sentence(kind: type[Task], options: dict) -> None:
    task = kind(**options)
    with pytest.raises(DataError, match=r"is not a column of the table"):
        task.fit(pl.DataFrame({"else": [1]}))
    gone = FRAME.with_columns(pl.lit(None).alias(column) for column in task.columns)
    with pytest.raises(DataError, match=r"missing in all 9 rows"):
        task.fit(gone)
    with pytest.raises(DataError, match=r"no rows"):
        task.fit(FRAME.clear())
    with pytest.raises(DataError, match=r"cannot evaluate when"):
        kind(**options, when="nowhere = 1").fit(FRAME)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_bad_options_are_refused(kind: type[Task]) -> None:
    for options in (
        {"name": ""},
        {"name": "a", "weight": 0},
        {"name": "a", "weight": float("nan")},
        {"name": "a", "preference": -1},
        {"name": "a", "columns": []},
        {"name": "a", "columns": ["b", "b"]},
        {"name": "a", "metrics": ["acuracy"]},
    ):
        with pytest.raises(CotrainError):
            kind(**options)


def test_one_file_one_test_one_export() -> None:
    source = Path(cotrain.tasks.__file__).parent
    tests = Path(__file__).parents[1] / "unit" / "tasks"
    modules = {kind.__module__.removeprefix("cotrain.tasks.") for kind in KINDS}
    for module in modules:
        room, file = module.split(".")
        assert (tests / room / f"test{file}.py").exists()
    defining = {
        f"{path.parent.name}.{path.stem}"
        for path in source.glob("*/_*.py")
        if "(Task):" in path.read_text() and path.stem != "__init__"
    }
    assert defining == modules
    assert len(modules) == len(KINDS)


def test_importing_tasks_does_not_import_scikit_learn() -> None:
    code = "import sys, cotrain.tasks; print([m for m in ('sklearn', 'scipy', 'pandas') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
