from __future__ import annotations

import json
from collections import Counter

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain.tasks.table._tags import encode_tags, tag_counts

CELLS = st.lists(st.one_of(st.none(), st.text(alphabet="ab; |", max_size=8)), max_size=12)


def tags_of(cell: str | None, separator: str) -> set[str]:
    return {tag.strip() for tag in (cell or "").split(separator)} - {""}


@pytest.mark.parametrize("separator", [";", "|"])
@given(cells=CELLS)
def test_tags_equal_a_plain_loop(separator: str, cells: list[str | None]) -> None:
    column = pl.Series("tags", cells, dtype=pl.String)
    counts, n_labelled = tag_counts(column, separator)
    rows = [tags_of(cell, separator) for cell in cells]
    assert dict(counts) == Counter(tag for row in rows for tag in row)
    assert n_labelled == sum(bool((cell or "").strip()) for cell in cells)
    names = sorted(dict(counts))[:3]
    targets, labelled = encode_tags(column, separator, names)
    expected = np.array([[float(name in row) for name in names] for row in rows])
    np.testing.assert_array_equal(targets, expected.reshape(len(cells), len(names)))
    assert labelled.tolist() == [bool((cell or "").strip()) for cell in cells]


def test_numbers_can_be_tags() -> None:
    assert tag_counts(pl.Series([1, 2, None, 1]), ",") == ([("1", 2), ("2", 1)], 3)


ITEMS = st.one_of(st.none(), st.integers(-9, 9), st.text(alphabet="ab,'\"\\\\[] é\n", max_size=5))


@given(rows=st.lists(st.one_of(st.none(), st.lists(ITEMS, max_size=4)), min_size=1, max_size=8))
@pytest.mark.parametrize("spelled", [json.dumps, repr])
def test_lists_and_the_text_that_spells_them_have_the_same_tags(spelled, rows) -> None:
    # What pandas or `complete` writes into a CSV file for a column of lists had labels such as '["a"'.
    named = [None if row is None else [None if v is None else str(v) for v in row] for row in rows]
    lists = pl.Series("g", named, dtype=pl.List(pl.String))
    text = pl.Series("g", [None if row is None else spelled(row) for row in rows], dtype=pl.String)
    counts, n_labelled = tag_counts(lists, ",")
    assert tag_counts(text, ",") == (counts, n_labelled)
    names = [tag for tag, _ in counts]
    for one, other in zip(encode_tags(text, ",", names), encode_tags(lists, ",", names), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("cell", ["[sic]", "['a' 'b']", "[[1]]", "[a, b]", "[", "[1, {}]"])
def test_text_in_brackets_that_is_no_list_is_split(cell: str) -> None:
    assert dict(tag_counts(pl.Series([cell]), ",")[0]) == dict.fromkeys(tags_of(cell, ","), 1)
