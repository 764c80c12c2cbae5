import numpy as np
import pytest

from cotrain.balancing._solvers import least_norm_weights


@pytest.mark.parametrize("size", [1, 2, 3, 8])
@pytest.mark.parametrize("seed", range(5))
def test_no_point_of_the_hull_is_shorter(size, seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(size, size + 1)) * 10.0 ** rng.uniform(-2, 2, size=(size, 1))
    gramian = rows @ rows.T
    weights = least_norm_weights(gramian)
    assert (weights >= 0).all()
    assert weights.sum() == pytest.approx(1.0)
    # Of the shortest point w every gradient has at least its own length along it: Gw ≥ wᵀGw.
    squared = weights @ gramian @ weights
    assert (gramian @ weights).min() >= squared * (1 - 1e-9)


def test_the_shorter_of_two_gradients_in_one_direction_is_the_shortest_point():
    assert least_norm_weights(np.array([[1.0, 2.0], [2.0, 4.0]])).tolist() == [1.0, 0.0]
    assert least_norm_weights(np.ones((2, 2))).tolist() == [0.5, 0.5]
