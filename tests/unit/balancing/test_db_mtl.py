"""DB-MTL without its running means."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import DBMTL, DBMTLMomentum


def test_log_loss_gradients_get_the_length_of_the_longest():
    rows, losses = np.random.default_rng(0).normal(size=(3, 8)), np.array([0.1, 2.0, 30.0])
    logarithmic = rows / losses[:, None]
    lengths = np.linalg.norm(logarithmic, axis=1)
    expected = (lengths.max() / lengths) @ logarithmic
    weights = DBMTL().weights(losses, (rows**2).sum(axis=1))
    np.testing.assert_allclose(weights @ rows, expected)
    np.testing.assert_allclose(DBMTLMomentum(beta=0.0).combine(rows, losses), expected)


def test_a_loss_without_a_logarithm_is_refused():
    with pytest.raises(InvalidArgumentError, match="got -2 for task number 1"):
        DBMTL().weights(np.array([1.0, -2.0]), np.ones(2))
