"""The shortest combination of gradients that brings each of them a given gain."""

import itertools

import numpy as np
import pytest

from cotrain.balancing._solvers import shortest_correction


def literal(rows, wanted):
    """The shortest of all candidates: for every set of constraints, the one that just keeps these."""
    best = None
    for size in range(len(rows) + 1):
        for chosen in itertools.combinations(range(len(rows)), size):
            held = rows[list(chosen)]
            factors = np.linalg.lstsq(held @ held.T, wanted[list(chosen)], rcond=None)[0] if size else []
            found = np.asarray(factors) @ held if size else np.zeros(rows.shape[1])
            kept = (rows @ found >= wanted - 1e-9).all()
            if kept and (best is None or found @ found < best @ best):
                best = found
    return best


@pytest.mark.parametrize("n_tasks", [1, 2, 4, 6])
def test_is_the_shortest_that_keeps_all(n_tasks):
    for seed in range(10):
        generator = np.random.default_rng(seed)
        rows, wanted = generator.normal(size=(n_tasks, 9)), generator.normal(size=n_tasks)
        factors = shortest_correction(rows @ rows.T, wanted)
        assert (factors >= 0).all()
        np.testing.assert_allclose(factors @ rows, literal(rows, wanted), atol=1e-8)


def test_where_nothing_is_wanted_nothing_is_done():
    np.testing.assert_array_equal(shortest_correction(np.eye(3), np.array([-1.0, 0.0, -2.0])), 0)


def test_gains_that_exclude_one_another_give_nothing():
    rows = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    np.testing.assert_array_equal(shortest_correction(rows @ rows.T, np.array([0.1, 0.1, -1.0])), 0)


def test_dependent_gradients_share_the_work_alike():
    rows = np.ones((3, 4))
    np.testing.assert_allclose(shortest_correction(rows @ rows.T, np.ones(3)), 1 / 12)
