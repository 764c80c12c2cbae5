"""The base of methods on gradient norms."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import UnitNorm


def test_a_vector_of_squared_norms_and_a_gramian_say_the_same():
    rows = np.random.default_rng(0).normal(size=(4, 7))
    gramian = rows @ rows.T
    full = UnitNorm().weights(np.ones(4), gramian)
    np.testing.assert_array_equal(UnitNorm().weights(np.ones(4), np.diagonal(gramian)), full)


def test_off_diagonal_numbers_are_not_looked_at():
    gramian = np.diag([1.0, 4.0])
    gramian[0, 1] = np.nan
    np.testing.assert_allclose(UnitNorm("min").weights(np.ones(2), gramian), [1.0, 0.5])


def test_other_shapes_are_refused():
    with pytest.raises(InvalidArgumentError, match=r"shape \(3,\) for 2 losses"):
        UnitNorm().weights(np.ones(2), np.ones(3))
