import numpy as np
import pytest

from cotrain.balancing._solvers import dual_cone_weights


@pytest.mark.parametrize("size", [2, 3, 6])
@pytest.mark.parametrize("seed", range(5))
def test_the_projection_harms_no_task_and_raises_only_those_at_the_edge(size, seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(size, size + 1))
    gramian, floors = rows @ rows.T, np.eye(size)
    weights = dual_cone_weights(gramian, floors)
    raised, gains = weights - floors, weights @ gramian
    assert (raised >= -1e-10).all()
    assert gains.min() >= -1e-8
    assert np.abs(raised * gains).max() < 1e-8


def test_without_a_conflict_nothing_is_raised():
    floors = np.array([[1.0, 0.0], [0.5, 0.5]])
    found = dual_cone_weights(np.array([[1.0, 0.2], [0.2, 1.0]]), floors)
    assert found.tolist() == floors.tolist()
    assert found is not floors
