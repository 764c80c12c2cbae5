from __future__ import annotations

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import SoftWeight

from .candidates import candidates, chosen


def literally(confidence: list[float], free: list[bool], spreads: float) -> list[float]:
    """SoftMatch's truncated Gaussian, row by row in plain Python."""
    known = [c for c, is_free in zip(confidence, free, strict=True) if is_free]
    mean = statistics.fmean(known)
    variance = statistics.variance(known) if len(known) > 1 else 0.0
    scale = max(2 * variance / spreads**2, 1e-12)
    return [math.exp(-(max(0.0, mean - c) ** 2) / scale) for c in confidence]


@given(
    rows=st.lists(
        st.tuples(st.sampled_from([0.5, 0.62, 0.75, 0.875, 1.0]), st.booleans()), min_size=1, max_size=12
    ),
    spreads=st.sampled_from([0.5, 2.0, 4.0]),
)
def test_equals_the_literal_gaussian(rows: list[tuple[float, bool]], spreads: float):
    confidence, free = [c for c, _ in rows], [is_free for _, is_free in rows]
    if not any(free) or len({c for c, is_free in rows if is_free}) == 1:
        return  # Of equal confidences the mean is known to the rounding only; see the test below.
    found = SoftWeight(spreads).weights(candidates([0] * len(rows), confidence, free=free))[:, 0].tolist()
    assert found == pytest.approx(literally(confidence, free, spreads), rel=1e-3, abs=1e-6)


@pytest.mark.parametrize("confidence", [0.1, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("n", [1, 3, 100])
def test_what_is_equally_sure_counts_fully(confidence: float, n: int):
    given_ = candidates([0] * n, [confidence] * n)
    assert SoftWeight().weights(given_)[:, 0].tolist() == pytest.approx([1.0] * n)
    assert chosen(SoftWeight(), given_) == list(range(n))


def test_surer_never_counts_for_less():
    confidence = [0.5 + i / 40 for i in range(20)]
    weights = SoftWeight().weights(candidates([0] * 20, confidence))[:, 0].tolist()
    assert weights == sorted(weights)
    assert weights[-1] == 1.0


def test_what_weighs_nearly_nothing_or_is_below_the_floor_gets_no_label():
    given_ = candidates([0] * 11, [0.9] * 10 + [0.1])
    assert chosen(SoftWeight(4.0), given_) == list(range(10))
    assert chosen(SoftWeight(min_confidence=0.95), given_) == []


@pytest.mark.parametrize("make", [lambda: SoftWeight(0.0), lambda: SoftWeight(float("inf"))])
def test_spreads_out_of_range_are_refused(make):
    with pytest.raises(InvalidArgumentError, match="expected a positive number"):
        make()
