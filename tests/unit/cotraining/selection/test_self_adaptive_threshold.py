from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import Candidates, SelfAdaptiveThreshold

from .candidates import candidates, chosen


def literally(probabilities: list[list[float]], free: list[bool], floor: float) -> list[int]:
    """FreeMatch's thresholds, row by row in plain Python."""
    rows = [p for p, is_free in zip(probabilities, free, strict=True) if is_free]
    if not rows:
        return []
    overall = sum(max(p) for p in rows) / len(rows)
    shares = [sum(p[c] for p in rows) / len(rows) for c in range(len(rows[0]))]
    least = [max(floor, overall * share / max(shares)) for share in shares]
    return [
        row
        for row, p in enumerate(probabilities)
        if free[row] and max(p) >= least[p.index(max(p))] * (1 - 1e-6)
    ]


def made(probabilities: list[list[float]], free: list[bool]) -> Candidates:
    p = torch.tensor(probabilities, dtype=torch.float32)[:, None]
    confidence, classes = p.max(dim=-1)
    return Candidates(
        classes=classes,
        confidence=confidence,
        free=torch.tensor(free)[:, None],
        agree=torch.ones_like(classes, dtype=torch.bool),
        prior=torch.full((1, p.shape[-1]), 1 / p.shape[-1]),
        progress=1.0,
        probabilities=p,
    )


@given(
    rows=st.lists(
        st.tuples(st.lists(st.sampled_from([0.05, 0.3, 0.8, 1.7]), min_size=3, max_size=3), st.booleans()),
        min_size=1,
        max_size=10,
    )
)
def test_equals_the_literal_thresholds(rows: list[tuple[list[float], bool]]):
    # Odd parts keep the rows' confidences clear of the mean, so that rounding decides nothing.
    shares = [[(v + 0.013 * i) / (sum(p) + 0.013 * 3) for i, v in enumerate(p)] for p, _ in rows]
    free = [is_free for _, is_free in rows]
    given_ = made(shares, free)
    as_float32 = given_.class_probabilities()[:, 0].tolist()
    assert chosen(SelfAdaptiveThreshold(min_confidence=0.2), given_) == literally(as_float32, free, 0.2)


def test_a_rare_class_needs_less_and_an_unsure_round_labels_much():
    given_ = made([[0.98, 0.02]] * 6 + [[0.3, 0.7]] * 2, [True] * 8)
    assert chosen(SelfAdaptiveThreshold(), given_) == list(range(8))
    assert chosen(SelfAdaptiveThreshold(min_confidence=0.75), given_) == list(range(6))


def test_without_probabilities_the_rest_is_shared_out():
    given_ = candidates([0, 1], [0.9, 0.6])
    assert given_.class_probabilities()[:, 0].tolist() == [
        pytest.approx([0.9, 0.1]),
        pytest.approx([0.4, 0.6]),
    ]


def test_a_floor_outside_is_refused():
    with pytest.raises(InvalidArgumentError, match="expected a number"):
        SelfAdaptiveThreshold(min_confidence=1.1)
