from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from cotrain.tasks.sequence._units import least_of_unit


@given(n_rows=st.integers(0, 4), length=st.integers(0, 8), seed=st.integers(0, 999))
def test_every_position_has_the_least_value_of_its_unit(n_rows: int, length: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    values, continues = rng.random((n_rows, length)), rng.random((n_rows, length)) < 0.5
    continues[:, :1] = False
    expected = values.copy()
    for row in range(n_rows):
        start = 0
        for place in range(length + 1):
            if place == length or not continues[row, place]:
                if place > start:
                    expected[row, start:place] = values[row, start:place].min()
                start = place
    np.testing.assert_array_equal(least_of_unit(values, continues), expected)
