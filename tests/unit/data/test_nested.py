import itertools
import json

import numpy as np
import pandas as pd
import polars as pl
import pytest

from cotrain.data._dataset import stack_dataset
from cotrain.data._frames import to_polars
from cotrain.data._infer_list import value_lists
from cotrain.data._nested import nested_column
from cotrain.data._read import read_cells

VECTORS = [[0, 1], [0.5, 2.5], None, []]
BOXES = [
    [{"box": [1, 2, 3, 4], "label": "cat"}],
    [{"box": [1.5, 2, 3, 4], "label": "cat", "crowd": True}],
    [],
    None,
]
TAGS = [["a"], ["b", None], [], None]


def _filled(boxes: list) -> list:
    return [
        None if row is None else [{"crowd": None} | box for box in row]  # no key is lost, in any order
        for row in boxes
    ]


def _orders(rows: list) -> list:
    return list(itertools.permutations(rows))


@pytest.mark.parametrize("rows", [*_orders(VECTORS), *_orders(TAGS)])
def test_lists_keep_their_values_whatever_the_first_row_holds(rows, tmp_path) -> None:
    rows = list(rows)
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"x": row}) for row in rows))
    (tmp_path / "a.json").write_text(json.dumps([{"x": row} for row in rows]))
    for column in (
        nested_column("x", rows),
        nested_column("x", [None if row is None else tuple(row) for row in rows]),
        to_polars(pd.DataFrame({"x": pd.Series(rows, dtype=object)}))["x"],
        stack_dataset([{"x": row, "i": np.zeros(1)} for row in rows], ["x"])[1]["x"],
        read_cells(tmp_path / "a.jsonl")["x"],
        read_cells(tmp_path / "a.json")["x"],
        value_lists(pl.Series("x", [None if row is None else json.dumps(row) for row in rows])),
    ):
        assert column is not None
        assert column.to_list() == rows


@pytest.mark.parametrize("rows", _orders(BOXES))
def test_mappings_keep_their_keys_whatever_the_first_row_lacks(rows, tmp_path) -> None:
    rows = list(rows)
    (tmp_path / "a.jsonl").write_text("\n".join(json.dumps({"x": row}) for row in rows))
    (tmp_path / "a.json").write_text(json.dumps([{"x": row} for row in rows]))
    arrays = [None if row is None else [box | {"box": np.array(box["box"])} for box in row] for row in rows]
    for column in (
        to_polars(pd.DataFrame({"x": pd.Series(rows, dtype=object)}))["x"],
        to_polars(pd.DataFrame({"x": pd.Series(arrays, dtype=object)}))["x"],
        stack_dataset([{"x": row, "i": np.zeros(1)} for row in rows], ["x"])[1]["x"],
        read_cells(tmp_path / "a.jsonl")["x"],
        read_cells(tmp_path / "a.json")["x"],
    ):
        found = column.to_list()
        assert [None if row is None else [{"crowd": None} | box for box in row] for row in found] == _filled(
            rows
        )


def test_values_of_several_types_within_lists_are_texts_in_any_order() -> None:
    for rows in itertools.permutations([["x"], [1], [True]]):
        found = nested_column("a", rows)
        assert found is not None
        assert found.to_list() == [[json.dumps(row[0]).strip('"')] for row in rows]
    found = nested_column("a", [[{"label": 3}], [{"label": "x"}]])
    assert found is not None
    assert found.to_list() == [[{"label": "3"}], [{"label": "x"}]]


def test_what_no_type_holds_is_none() -> None:
    for rows in ([[1], {"b": 1}], [[1], "x"], [[10**30]], [[2**60, 1.5]], [[1, [2]]]):
        assert nested_column("a", rows) is None


def test_arrays_and_numpy_numbers_are_their_values() -> None:
    found = nested_column("a", [np.array([1, 2]), [np.float32(0.5), np.int64(3)], None])
    assert found is not None
    assert found.to_list() == [[1.0, 2.0], [0.5, 3.0], None]
