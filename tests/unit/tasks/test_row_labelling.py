"""Lists of things as labels: every task that says how they are labelled keeps to one contract."""

from __future__ import annotations

import polars as pl
import torch

from cotrain.tasks import Binary, Detection, RowLabelling

ROWS = [[{"box": [2.0, 1.0, 4.0, 4.0], "label": label}] for label in ("cat", "dog")]


def labelling() -> RowLabelling:
    task = Detection("boxes", most=3)
    task.fit(pl.DataFrame({"boxes": ROWS, "width": [8, 8], "height": [8, 8]}))
    found = task.row_labelling()
    assert found is not None
    return found


def test_tasks_of_one_answer_a_row_have_none():
    assert Binary("sold").row_labelling() is None


def test_what_is_taught_is_there_afterwards_and_only_where_it_was_asked_for():
    found = labelling()
    output = 3 * torch.randn(5, 6, 4, 4, generator=torch.Generator().manual_seed(0))
    where = torch.tensor([[True, False], [False, True], [True, True], [False, False], [True, False]])
    where &= found.confidence(output) > 0.1
    nothing = torch.tensor([0.0, 0, 0, 0, -1, 0]).expand(5, 1, 6)
    merged = found.merged(nothing, found.things(output, where), where)
    assert torch.equal(found.present(merged) > 0, where)
    assert merged.shape[1] <= 1 + found.most
