from __future__ import annotations

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
