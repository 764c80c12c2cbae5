import numpy as np
import pytest

from cotrain.balancing._solvers import bargaining_weights


@pytest.mark.parametrize("exponent", [0.5, 1.0, 2.0])
@pytest.mark.parametrize("seed", range(5))
def test_every_gain_is_the_power_of_preference_over_weight(exponent, seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(4, 6)) * 10.0 ** rng.uniform(-2, 2, size=(4, 1))
    gramian, preference = rows @ rows.T, rng.uniform(0.5, 2.0, 4)
    weights = bargaining_weights(gramian, preference, exponent)
    assert (weights > 0).all()
    np.testing.assert_allclose(gramian @ weights, (preference / weights) ** exponent, rtol=1e-7)


def test_orthogonal_gradients_have_the_weights_of_their_lengths():
    weights = bargaining_weights(np.diag([4.0, 9.0]), np.ones(2), 1.0)
    np.testing.assert_allclose(weights, [1 / 2, 1 / 3])


def test_where_no_direction_helps_both_the_weights_stay_finite():
    weights = bargaining_weights(np.array([[1.0, -1.0], [-1.0, 1.0]]), np.ones(2), 1.0)
    assert np.isfinite(weights).all()
    assert weights[0] == pytest.approx(weights[1])
