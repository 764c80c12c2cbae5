import numpy as np
import pytest
from scipy.stats import binom, t

from cotrain.evaluation._chance import Chance


@pytest.mark.parametrize("p", [0.01, 0.05, 0.3])
def test_each_variance_has_the_quantile_of_its_own_degrees_of_freedom(p):
    chance = Chance(0.02, 80, 0.03, 3.4)
    expected = np.sqrt(t.ppf(1 - p / 2, 79) ** 2 * 0.02 + t.ppf(1 - p / 2, 3.4) ** 2 * 0.03)
    assert chance.half_width(p, 0.1) == pytest.approx(expected)


def test_the_p_value_is_where_the_interval_touches_zero():
    chance = Chance(0.02, 80, 0.03, 3.4)
    p = chance.p_value(0.7)
    assert chance.half_width(p, 0.7) == pytest.approx(0.7, rel=1e-6)
    # One source alone is Student's test.
    assert Chance(0.04, 31).p_value(0.5) == pytest.approx(2 * t.sf(0.5 / 0.2, 30), rel=1e-6)


@pytest.mark.parametrize("n_units", [1, 2, 5, 10, 40])
def test_without_any_spread_it_is_the_sign_test(n_units):
    # All U signs alike, in either direction.
    assert Chance(0.0, n_units).p_value(0.3) == pytest.approx(2 * binom.pmf(n_units, n_units, 0.5))
    assert Chance(1e-40, n_units).p_value(0.3) == pytest.approx(2.0 ** (1 - n_units), rel=1e-6)
    p = 2.0 ** (1 - n_units)
    assert Chance(0.0, n_units).half_width(p, 0.3) == pytest.approx(0.3)


def test_one_unit_never_tells():
    assert Chance(0.0, 1).p_value(5.0) == 1.0
    assert Chance(0.0, 4).half_width(0.05, 1.0) > 1.0


def test_no_difference_is_no_difference():
    assert Chance(0.0, 50).p_value(0.0) == 1.0
    assert Chance(0.0, 50).half_width(0.05, 0.0) == 0.0


def test_more_seeds_and_more_rows_shrink_their_own_part():
    chance = Chance(0.02, 80, 0.03, 4.0)
    assert chance.with_seeds(3) == Chance(0.02, 80, 0.01, 12.0)
    assert chance.with_units(2) == Chance(0.01, 160, 0.03, 4.0)
