from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain._base._row_buffer import RowBuffer


@given(st.lists(st.integers(0, 9), max_size=12), st.sampled_from([None, 0, 5, 200]))
def test_the_rows_are_those_that_came_in_their_order(sizes: list[int], n_rows: int | None) -> None:
    rng = np.random.default_rng(0)
    pieces = [rng.random((size, 3)) for size in sizes]
    rows = RowBuffer(n_rows)
    for piece in pieces:
        rows.append(piece)
    assert len(rows) == sum(sizes)
    if pieces:
        np.testing.assert_array_equal(rows.array, np.concatenate(pieces))


def test_where_the_number_of_rows_is_known_nothing_is_copied_again() -> None:
    rows = RowBuffer(10)
    rows.append(np.ones((4, 2)))
    first = rows.array
    rows.append(np.ones((6, 2)))
    assert np.shares_memory(first, rows.array)


@pytest.mark.parametrize("dtype", [bool, np.int64, np.float64])
def test_the_type_stays(dtype: type) -> None:
    rows = RowBuffer()
    rows.append(np.zeros((2, 1), dtype))
    assert rows.array.dtype == dtype
