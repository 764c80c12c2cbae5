"""DB-MTL without its running means."""

import numpy as np

from cotrain.balancing import DBMTL, DBMTLMomentum


def test_log_loss_gradients_get_the_length_of_the_longest():
    rows, losses = np.random.default_rng(0).normal(size=(3, 8)), np.array([0.1, 2.0, 30.0])
    logarithmic = rows / losses[:, None]
    lengths = np.linalg.norm(logarithmic, axis=1)
    expected = (lengths.max() / lengths) @ logarithmic
    weights = DBMTL().weights(losses, (rows**2).sum(axis=1))
    np.testing.assert_allclose(weights @ rows, expected)
    np.testing.assert_allclose(DBMTLMomentum(beta=0.0).combine(rows, losses), expected)


def test_losses_without_a_logarithm_count_as_one():
    rows, losses = np.random.default_rng(0).normal(size=(3, 8)), np.array([0.1, 0.0, -2.0])
    expected = DBMTL().weights(np.array([0.1, 1.0, 1.0]), (rows**2).sum(axis=1))
    np.testing.assert_allclose(DBMTL().weights(losses, (rows**2).sum(axis=1)), expected)
    np.testing.assert_allclose(DBMTLMomentum(beta=0.0).combine(rows, losses), expected @ rows)
