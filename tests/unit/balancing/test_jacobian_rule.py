"""The base of methods on single entries of the gradients."""

import numpy as np
import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.balancing import GradDrop, MoCo


def test_weights_are_refused():
    with pytest.raises(InvalidArgumentError, match="call combine"):
        GradDrop().weights(np.ones(2))


def test_numpy_and_torch_give_the_same():
    rows = np.random.default_rng(0).normal(size=(3, 50))
    for cls in (GradDrop, MoCo):
        ours, theirs = cls(), cls()
        for _ in range(3):
            expected = ours.combine(rows, np.ones(3))
            result = theirs.combine(torch.from_numpy(rows), torch.ones(3))
            np.testing.assert_allclose(result.numpy(), expected, rtol=1e-12)


def test_another_number_of_parameters_is_refused():
    balancer = MoCo()
    balancer.combine(np.ones((2, 5)), np.ones(2))
    with pytest.raises(InvalidArgumentError, match=r"remembers mean_gradients of shape \(2, 5\)"):
        balancer.combine(np.ones((2, 6)), np.ones(2))
