import numpy as np
import pytest

from cotrain.balancing._solvers import conflict_averse_weights


@pytest.mark.parametrize("size", [2, 3, 5])
@pytest.mark.parametrize("seed", range(5))
def test_no_other_direction_in_the_ball_serves_the_worst_task_better(size, seed):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(size, size + 2))
    gramian, centre = rows @ rows.T, np.full(size, 1 / size)
    radius = 0.5 * float(np.sqrt(centre @ gramian @ centre))
    extra = conflict_averse_weights(gramian, centre, radius)
    assert (extra >= 0).all()
    assert np.sqrt(extra @ gramian @ extra) <= radius * (1 + 1e-6)
    worst = (gramian @ (centre + extra)).min()
    middle = centre @ rows
    for _ in range(300):
        step = rng.normal(size=rows.shape[1])
        other = middle + radius * step / np.linalg.norm(step)
        assert (rows @ other).min() <= worst + 1e-6
    # And the tasks that it serves are those that are worst off.
    gains = gramian @ (centre + extra)
    assert np.all(gains[extra > 1e-9] <= worst + 1e-5 * np.abs(gains).max())
