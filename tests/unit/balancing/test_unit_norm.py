"""Gradients of one length."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import UnitNorm


@pytest.mark.parametrize(("length", "expected"), [("mean", 2.0), ("max", 3.0), ("min", 1.0)])
def test_weighted_gradients_have_one_length(length, expected):
    norms = np.array([1.0, 2.0, 3.0])
    np.testing.assert_allclose(UnitNorm(length).weights(np.ones(3), norms**2) * norms, expected)


def test_a_preference_sets_the_lengths():
    norms = np.array([1.0, 50.0])
    weighted = UnitNorm(preference=[1, 3]).weights(np.ones(2), norms**2) * norms
    assert weighted[1] / weighted[0] == pytest.approx(3)


def test_unknown_lengths_are_refused():
    with pytest.raises(InvalidArgumentError, match="UnitNorm.length="):
        UnitNorm("median")
