from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain._base import InvalidArgumentError
from cotrain.evaluation import holm


def by_definition(p_values: list[float], alpha: float) -> list[bool]:
    """Reject the smallest while it is at most α / (hypotheses left)."""
    rejected = [False] * len(p_values)
    for place, i in enumerate(np.argsort(p_values, kind="stable")):
        if p_values[i] * (len(p_values) - place) > alpha:
            break
        rejected[i] = True
    return rejected


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8), st.sampled_from([0.01, 0.05, 0.2]))
def test_the_corrected_values_reject_what_the_procedure_rejects(p_values: list[float], alpha: float) -> None:
    assert [p <= alpha for p in holm(p_values)] == by_definition(p_values, alpha)


def test_nan_is_left_out() -> None:
    corrected = holm([0.02, math.nan, 0.03])
    assert corrected[0] == 0.04
    assert math.isnan(corrected[1])
    assert holm([]) == []


def test_what_is_no_p_value_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"in \[0, 1\], got 1.5"):
        holm([1.5])
