"""Losses over their reference."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import ReferenceScaled


def test_weights_are_inverse_references():
    balancer = ReferenceScaled()
    balancer.start(3, reference_losses=[0.5, 20.0, 0.0])
    np.testing.assert_allclose(balancer.weights(np.ones(3)), [2, 0.05, 0])


def test_its_own_references_win():
    balancer = ReferenceScaled([1.0])
    balancer.start(1, reference_losses=[4.0])
    assert balancer.weights(np.ones(1))[0] == 1.0


def test_missing_and_bad_references_are_refused():
    with pytest.raises(InvalidArgumentError, match="has no reference losses"):
        ReferenceScaled().weights(np.ones(2))
    with pytest.raises(InvalidArgumentError, match="finite and at least 0"):
        ReferenceScaled([1.0, -1.0])
    with pytest.raises(InvalidArgumentError, match="2 values of reference_losses for 3 tasks"):
        ReferenceScaled([1.0, 2.0]).weights(np.ones(3))
