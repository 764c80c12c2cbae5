"""Labels in lists and mappings, which are no inputs in whatever file they lie."""

import json

import polars as pl
import pytest

from cotrain.data import Schema
from cotrain.data._label_cells import are_labelled_things, labels_of_areas, labels_of_things

BOXES = [[], [{"box": [2, 1, 4, 4], "label": "cat"}], None]
POINTS = [[{"point": [2, 1], "label": "nose"}], None, [{"point": [2, 1], "label": "ear"}]]
MASKS = [{"height": 4, "width": 4, "areas": []}, None, {"height": 4, "width": 4, "areas": []}]


def as_json(cells):
    return pl.Series("t", [None if cell is None else json.dumps(cell) for cell in cells])


@pytest.mark.parametrize("cells", [BOXES, POINTS, MASKS])
@pytest.mark.parametrize("form", ["json", "lists"])
def test_labels_beside_a_task_are_no_input_in_whatever_form(cells, form):
    values = as_json(cells) if form == "json" else pl.Series("t", cells)
    frame = pl.DataFrame({"x": [1.0, 2.0, 4.0], "t": values})
    assert [column.name for column in Schema.infer(frame).columns] == ["x"]
    assert are_labelled_things(as_json(cells))


@pytest.mark.parametrize(
    "cells",
    [
        ["a", "b"],
        ["{a}", "{b}"],
        ["[{", "[]"],
        ['{"x": 1}', '{"areas": 3}'],
        ["[]", "[]"],
        [None, None],
        ['[{"x": 1}]', "[]"],
    ],
)
def test_other_text_is_none(cells):
    assert not are_labelled_things(pl.Series("t", cells, dtype=pl.String))


def test_labels_are_sorted():
    assert labels_of_things(as_json(POINTS), "point") == ["ear", "nose"]
    assert labels_of_things(as_json(POINTS), "box") is None
    assert labels_of_areas(as_json(MASKS)) is None
    named = [{"height": 4, "width": 4, "areas": [{"label": label, "rle": "0"}]} for label in "ba"]
    assert labels_of_areas(as_json(named)) == labels_of_areas(pl.Series("t", named)) == ["a", "b"]
