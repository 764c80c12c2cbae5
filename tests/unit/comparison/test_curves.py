"""Learning curves that are kept with a cell."""

from __future__ import annotations

import itertools
import math

import pytest

from cotrain.comparison._curves import MOST_POINTS, curves_of


def history(n, value=lambda epoch: 1 / (epoch + 1)):
    return [{"epoch": epoch, "loss": {"a": 0.0}, "validation": {"a": value(epoch)}} for epoch in range(n)]


@pytest.mark.parametrize("n", [1, 2, 49, 50, 51, 99, 100, 101, 1000, 12_345])
def test_points_are_few_and_even_and_end_with_the_last_epoch(n):
    curve = curves_of(history(n))["a"]
    epochs = [epoch for epoch, _ in curve]
    assert 1 <= len(curve) <= MOST_POINTS
    assert epochs[-1] == n
    assert len({b - a for a, b in itertools.pairwise(epochs)}) <= 1
    assert n > MOST_POINTS or epochs == list(range(1, n + 1))
    for epoch, value in curve:
        assert value == pytest.approx(1 / epoch, rel=1e-4)


def test_what_is_undefined_or_not_validated_is_left_out():
    assert curves_of([]) == {}
    assert curves_of([{"epoch": 0, "loss": {"a": 0.5}}]) == {}
    assert curves_of(history(3, lambda epoch: math.nan if epoch == 1 else 0.5)) == {"a": [(1, 0.5), (3, 0.5)]}
    assert curves_of(history(3, lambda epoch: math.inf)) == {}
