"""The Chebyshev centre of the dual cone."""

import numpy as np
import pytest

from cotrain.balancing import MGDA, ChebyshevCenter


def depth(rows, direction):
    """The distance of a direction from the nearest facet of the dual cone."""
    return (rows @ direction / np.linalg.norm(rows, axis=1) / np.linalg.norm(direction)).min()


def slow_centre(rows, n_steps=20000):
    """Projected subgradient ascent on the depth over the unit ball."""
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    direction, best = units.mean(axis=0), -np.inf
    for step in range(n_steps):
        direction = direction / max(np.linalg.norm(direction), 1.0)
        gains = units @ direction
        if gains.min() > best:
            best, found = gains.min(), direction
        direction = direction + units[gains.argmin()] * 0.3 / np.sqrt(step + 1)
    return found


@pytest.mark.parametrize("n_tasks", [2, 3, 6])
def test_no_direction_is_deeper_than_the_update(n_tasks):
    for seed in range(3):
        rows = np.random.default_rng(seed).normal(size=(n_tasks, 9)) * np.logspace(-2, 2, n_tasks)[:, None]
        update = ChebyshevCenter().weights(np.ones(n_tasks), rows @ rows.T) @ rows
        slow = slow_centre(rows)
        assert depth(rows, update) > depth(rows, slow) - 1e-9
        assert depth(rows, update) < depth(rows, slow) + 1e-2
        tries = np.random.default_rng(9).normal(size=(200, 9)) * 0.1 + update / np.linalg.norm(update)
        assert max(depth(rows, other) for other in tries) <= depth(rows, update)


def test_all_facets_that_hold_the_centre_are_equally_near():
    rows = np.random.default_rng(1).normal(size=(4, 9))
    weights = ChebyshevCenter().weights(np.ones(4), rows @ rows.T)
    update = weights @ rows
    distances = rows @ update / np.linalg.norm(rows, axis=1) / np.linalg.norm(update)
    np.testing.assert_allclose(distances[weights > 0], distances.min(), rtol=1e-9)


def test_the_length_is_depth_times_mean_norm():
    rows = np.random.default_rng(2).normal(size=(5, 12)) * [[1], [2], [3], [4], [5]]
    update = ChebyshevCenter().weights(np.ones(5), rows @ rows.T) @ rows
    expected = depth(rows, update) * np.linalg.norm(rows, axis=1).mean()
    assert np.linalg.norm(update) == pytest.approx(expected)


def test_the_direction_is_that_of_mgda_on_unit_gradients():
    rows = np.random.default_rng(3).normal(size=(5, 12))
    ours = ChebyshevCenter().weights(np.ones(5), rows @ rows.T)
    other = MGDA("l2").weights(np.ones(5), rows @ rows.T)
    np.testing.assert_allclose(ours / ours.sum(), other / other.sum(), atol=1e-9)


def test_a_preference_keeps_the_favoured_facet_farther_away():
    rows = np.random.default_rng(4).normal(size=(2, 9))
    update = ChebyshevCenter(preference=[3, 1]).weights(np.ones(2), rows @ rows.T) @ rows
    distances = rows @ update / np.linalg.norm(rows, axis=1)
    assert distances[0] == pytest.approx(3 * distances[1])
