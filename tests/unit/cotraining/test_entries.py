from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from cotrain import tasks as kinds
from cotrain._base import InvalidArgumentError
from cotrain._base._ragged import Ragged
from cotrain.cotraining import _entries
from cotrain.tasks._row_weights import times_rows
from cotrain.training import Examples

WORDS = Ragged.from_rows([torch.tensor([3, 1]), torch.zeros(0, dtype=torch.int64), torch.tensor([2])])
MAPS = torch.arange(12).reshape(3, 2, 2)


def task_of(reads: str) -> Any:
    methods = {"original": lambda self, targets: targets}
    methods |= dict.fromkeys(["row_labelling", "hypothesis_labelling"], lambda self: None)
    return object.__new__(type("Fake", (), {"reads": reads, "weight_column": None, **methods}))


@pytest.mark.parametrize(
    ("reads", "leaf"), [("vector", torch.ones(3, 2)), ("positions", WORDS), ("map", MAPS)]
)
def test_entries_go_back_to_where_they_came_from(reads: str, leaf) -> None:
    task = task_of(reads)
    back = _entries.like(leaf, _entries.entries(task, leaf) + 1)
    one, other = (part.values if isinstance(part, Ragged) else part for part in (back, leaf))
    assert torch.equal(one, other + 1)


@pytest.mark.parametrize(
    ("reads", "leaf", "rows"),
    [
        ("vector", torch.ones(3, 2), [0, 1, 2]),
        ("positions", WORDS, [0, 0, 2]),
        ("map", MAPS, [0] * 4 + [1] * 4 + [2] * 4),
    ],
)
def test_every_entry_knows_its_row(reads: str, leaf, rows: list[int]) -> None:
    offsets = _entries.offsets_of(task_of(reads), leaf)
    assert _entries.row_of_entry(offsets, 3).tolist() == rows


def test_labels_of_rows_are_weighed_in_every_layout() -> None:
    times = torch.tensor([2.0, 5.0, 0.0])
    assert times_rows(WORDS.map(lambda v: v > 0), times).values.tolist() == [2.0, 2.0, 0.0]
    assert times_rows(MAPS > 0, times).flatten(1).sum(dim=1).tolist() == [6.0, 20.0, 0.0]


def test_metrics_get_padded_rows_and_know_what_is_padding() -> None:
    targets, mask = _entries.metric_arrays(task_of("positions"), WORDS, WORDS.map(lambda v: v > 1))
    assert targets.tolist() == [[3, 1], [0, 0], [2, 0]]
    assert mask.tolist() == [[True, False], [False, False], [True, False]]
    assert isinstance(targets, np.ndarray)


def test_depths_are_labelled_in_no_way_and_words_not_by_estimators() -> None:
    with pytest.raises(InvalidArgumentError, match=r"^Co-training labels rows, .*'depth'\) has many answers"):
        _entries.require_entries([kinds.DenseRegression("depth")])
    tags = kinds.Tagging("pos")
    _entries.require_entries([tags, kinds.Binary("b"), kinds.Detection("boxes", classes=["a"])])
    with pytest.raises(InvalidArgumentError, match=r"^A forest labels whole rows, but Tagging\('pos'\)"):
        _entries.require_one_vector("A forest", [tags])


def test_lists_of_things_are_as_wide_as_the_widest_and_what_is_added_is_nothing() -> None:
    short, long = torch.zeros(2, 1, 6), torch.ones(1, 3, 6)
    both = _entries.stacked([short, long])
    assert both.shape == (3, 3, 6)
    assert both[:2, 1:, 4].unique().tolist() == [-1.0]
    assert torch.equal(both[2], long[0])


def test_a_class_is_there_or_not_and_a_network_that_goes_on_has_room_for_more() -> None:
    task = kinds.Detection("boxes", most=4)
    frame = pl.DataFrame(
        {"boxes": [[{"box": [0, 0, 2, 2], "label": "cat"}], [], None], "width": [4] * 3, "height": [4] * 3}
    )
    task.fit(frame)
    targets, mask = task.encode(frame)
    assert _entries.entries(task, targets).tolist() == [[1.0], [0.0], [0.0]]
    assert _entries.known_entries(task, mask).tolist() == [[True], [True], [False]]
    assert _entries.offsets_of(task, targets) is None
    wide = _entries.with_room_for_things([task], Examples({}, {"boxes": targets}, {"boxes": mask}))
    assert wide.targets["boxes"].shape == (3, 1 + 4, 6)
    assert torch.equal(_entries.entries(task, wide.targets["boxes"]), _entries.entries(task, targets))
    assert torch.equal(_entries.as_wide(targets, wide.targets["boxes"]), wide.targets["boxes"])
    assert torch.equal(_entries.as_wide(mask, wide.targets["boxes"]), mask)
