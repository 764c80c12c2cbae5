import itertools
import math

import pytest

from cotrain.training._schedule import warm_cosine


def test_rises_linearly_then_falls_to_zero():
    factors = [warm_cosine(step, 100, 0.1) for step in range(100)]
    assert factors[:10] == pytest.approx([(i + 1) / 10 for i in range(10)])
    assert factors[10] == 1
    assert all(a > b for a, b in itertools.pairwise(factors[10:]))
    assert factors[55] == pytest.approx(0.5 * (1 + math.cos(math.pi * 45 / 90)))
    assert 0 < factors[-1] < 0.01


@pytest.mark.parametrize("n_steps", [1, 2, 3])
def test_short_fits_have_positive_rates(n_steps):
    assert all(0 < warm_cosine(step, n_steps, 0.05) <= 1 for step in range(n_steps))
