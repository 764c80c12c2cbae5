"""Records of rows that arrive in batches: the figures of all rows, in the memory of few."""

from __future__ import annotations

import tracemalloc

import numpy as np
import polars as pl
import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain._base._ragged import Ragged
from cotrain.evaluation import Evaluation, TaskRecords, evaluate
from cotrain.evaluation import _records as module
from cotrain.tasks import Multiclass, Tagging

from .pixels import Pixels
from .test_evaluate import MASKS, TARGETS, TASKS, random_outputs


@pytest.mark.parametrize("sizes", [[7], [1] * 7, [3, 0, 4]])
def test_batches_give_what_all_rows_give(sizes: list[int]) -> None:
    outputs = random_outputs()
    constants = {task.name: task.reference_output(TARGETS[task.name], MASKS[task.name]) for task in TASKS}
    expected = evaluate(TASKS, outputs, TARGETS, MASKS, constants=constants, parts=True)
    evaluation, start = Evaluation(TASKS, constants, diagnosis=True), 0
    for size in sizes:
        rows = slice(start, start + size)
        evaluation.add(*({name: of[rows] for name, of in part.items()} for part in (outputs, TARGETS, MASKS)))
        start += size
    table = evaluation.table(parts=True)
    assert [(row.task, row.metric, row.part, row.n_labelled) for row in table] == [
        (row.task, row.metric, row.part, row.n_labelled) for row in expected
    ]
    for row, other in zip(table, expected, strict=True):
        assert row.value == pytest.approx(other.value, rel=1e-12, abs=1e-12, nan_ok=True)
        assert row.references == pytest.approx(other.references, rel=1e-12, abs=1e-12, nan_ok=True)
    whole = TaskRecords(TASKS[1], diagnosis=True)
    whole.add(outputs["colour"], TARGETS["colour"], MASKS["colour"])
    assert evaluation.records["colour"].diagnosis() == whole.diagnosis()


def test_rows_with_many_scores_are_looked_at_a_few_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    outputs = random_outputs()
    expected = evaluate(TASKS, outputs, TARGETS, MASKS, parts=True)
    monkeypatch.setattr(module, "SCORES_AT_A_TIME", 4)
    for row, other in zip(evaluate(TASKS, outputs, TARGETS, MASKS, parts=True), expected, strict=True):
        assert row.value == pytest.approx(other.value, rel=1e-6, abs=1e-6, nan_ok=True)


def picture_batches(n_pictures: int, size: int, together: int):
    generator = torch.Generator().manual_seed(0)
    for _ in range(0, n_pictures, together):
        targets = torch.randint(0, 21, (together, size, size), generator=generator, dtype=torch.uint8)
        outputs = torch.randn(together, size, size, 21, generator=generator)
        yield outputs, targets, torch.rand(targets.shape, generator=generator) < 0.9


def test_the_memory_of_an_evaluation_does_not_grow_with_rows_times_outputs() -> None:
    task, peaks = Pixels("mask"), []
    constant = torch.zeros(21)
    for n_pictures in (8, 40):
        records, reference = TaskRecords(task), TaskRecords(task)
        tracemalloc.start()
        for outputs, targets, mask in picture_batches(n_pictures, 32, 4):
            records.add(outputs, targets, mask)
            reference.add_constant(constant, targets, mask)
        assert 0 < records.rows()[0].value < 0.1
        assert 0 <= reference.rows()[0].value < 0.1
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    # Of 32 more pictures the scores are 5.5 MB; their records, of both, are 0.2 MB.
    assert peaks[1] - peaks[0] < 32 * 2 * 2 * 21**2 * 8


def test_ragged_rows_are_padded_as_they_are_taken() -> None:
    task = Pixels("mask")
    lengths = torch.tensor([3, 0, 5])
    outputs = Ragged.from_rows([torch.randn(int(n), 4, 21) for n in lengths])
    targets = Ragged.from_rows([torch.randint(0, 21, (int(n), 4), dtype=torch.uint8) for n in lengths])
    mask = targets.map(lambda values: values < 15)
    ragged, flat = TaskRecords(task), TaskRecords(task)
    ragged.add(outputs, targets, mask)
    ragged.add_constant(torch.zeros(21), targets, mask)
    flat.add(outputs.values[None], targets.values[None], mask.values[None])
    flat.add_constant(torch.zeros(21), targets.values[None], mask.values[None])
    assert ragged.rows()[0].value == pytest.approx(flat.rows()[0].value)
    assert ragged.labelled.tolist() == [True, False, True] * 2


def test_records_too_wide_for_memory_are_refused_before_they_are_kept() -> None:
    task = Multiclass("item", metrics=["auroc"], classes=[f"i{c}" for c in range(20_000)])
    task.fit(pl.DataFrame({"item": ["i0", "i1", "i0", "i1"]}))
    records = TaskRecords(task, n_rows=100_000)
    truth = (torch.zeros(2, 1, dtype=torch.int64), torch.ones(2, 1, dtype=torch.bool))
    with pytest.raises(InvalidArgumentError, match="auroc keeps 20001 numbers of each of 100000 rows"):
        records.add(torch.zeros(2, 20_000), *truth)
    task.metrics = None
    narrow = TaskRecords(task, diagnosis=True, n_rows=100_000)
    narrow.add(torch.zeros(2, 20_000), *truth)
    assert [row.metric for row in narrow.rows(parts=True) if row.part is None] == task.default_metrics()


def test_without_any_row_there_is_no_figure() -> None:
    records = TaskRecords(TASKS[1], diagnosis=True)
    assert np.isnan(records.rows()[0].value)
    assert records.diagnosis() == {}
    assert not len(records.labelled)


def test_metrics_that_a_task_makes_anew_find_their_records():

    task = Tagging("pos")
    task.fit(pl.DataFrame({"pos": [["A", "B"], ["B"], ["A"]] * 3}))
    records = TaskRecords(task)
    targets = torch.tensor([[0, 1], [1, 0]])
    records.add(10 * torch.nn.functional.one_hot(targets, 2).float(), targets, torch.ones(2, 2) > 0)
    # Each call gives methods of another object.
    assert [records.value(metric) for metric in task.chosen_metrics()][:1] == [1.0]
