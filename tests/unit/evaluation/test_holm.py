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


def weighted_by_definition(p_values: list[float], weights: list[float], alpha: float) -> list[bool]:
    """Reject the smallest p / w while it is at most α / (weights left)."""
    left, rejected = dict(enumerate(zip(p_values, weights, strict=True))), [False] * len(p_values)
    while left:
        i = min(left, key=lambda j: left[j][0] / left[j][1])
        p, w = left[i]
        if p > alpha * w / math.fsum(w for _, w in left.values()):
            break
        rejected[i] = True
        del left[i]
    return rejected


@given(
    st.lists(st.tuples(st.floats(0, 1), st.sampled_from([0.125, 0.5, 1.0, 4.0])), min_size=1, max_size=8),
    st.sampled_from([0.01, 0.05, 0.2]),
)
def test_weights_share_out_what_may_be_spent(pairs: list[tuple[float, float]], alpha: float) -> None:
    p_values, weights = [p for p, _ in pairs], [w for _, w in pairs]
    corrected = holm(p_values, weights)
    # What lies on the edge is decided by rounding.
    clear = [abs(p - alpha) > 1e-9 for p in corrected]
    expected = weighted_by_definition(p_values, weights, alpha)
    assert [p <= alpha for p, far in zip(corrected, clear, strict=True) if far] == [
        one for one, far in zip(expected, clear, strict=True) if far
    ]


def test_a_weight_is_a_positive_number_for_each() -> None:
    with pytest.raises(InvalidArgumentError, match="a positive weight for each of the 2"):
        holm([0.1, 0.2], [1.0, 0.0])
    with pytest.raises(InvalidArgumentError, match="a positive weight for each of the 2"):
        holm([0.1, 0.2], [1.0])


def test_nan_is_left_out() -> None:
    corrected = holm([0.02, math.nan, 0.03])
    assert corrected[0] == 0.04
    assert math.isnan(corrected[1])
    assert holm([]) == []


def test_what_is_no_p_value_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"in \[0, 1\], got 1.5"):
        holm([1.5])
