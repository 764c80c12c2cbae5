"""Complementarity problems: the defining conditions, and a search through all sets of free entries."""

import itertools

import numpy as np
import pytest

from cotrain.balancing._solvers._pivoting import (
    CUT_DOWN,
    ONE_BY_ONE,
    _active_set,
    complementary,
    complementary_of_cosines,
)


def positive_definite(size, seed):
    rows = np.random.default_rng(seed).normal(size=(size, size + 2))
    return rows @ rows.T / size


def slow_complementary(matrix, offset):
    """Try all sets of free entries."""
    size = len(offset)
    for free in itertools.product([False, True], repeat=size):
        places, x = np.flatnonzero(free), np.zeros(size)
        if len(places):
            x[places] = np.linalg.solve(matrix[np.ix_(places, places)], -offset[places])
        if (x >= -1e-12).all() and (matrix @ x + offset >= -1e-9).all():
            return x
    raise AssertionError("a positive definite matrix has a solution")


@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize("seed", range(5))
def test_it_finds_what_trying_all_sets_finds(size, seed):
    matrix, offsets = positive_definite(size, seed), np.random.default_rng(seed + 50).normal(size=(4, size))
    expected = np.stack([slow_complementary(matrix, offset) for offset in offsets])
    np.testing.assert_allclose(complementary(matrix, offsets), expected, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(complementary(matrix, offsets[:1])[0], expected[0], rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(_active_set(matrix, offsets[0]), expected[0], rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("size", [CUT_DOWN - 1, CUT_DOWN, ONE_BY_ONE])
def test_the_conditions_hold_at_every_size(size):
    matrix, offsets = positive_definite(size, 3), np.random.default_rng(9).normal(size=(6, size))
    x = complementary(matrix, offsets)
    y = x @ matrix + offsets
    assert (x >= 0).all()
    assert y.min() >= -1e-8
    assert np.abs(x * y).max() < 1e-8


def test_offsets_without_a_negative_entry_ask_for_nothing():
    assert not complementary(positive_definite(3, 0), np.ones((2, 3))).any()


def test_of_many_solutions_of_dependent_gradients_the_shortest_is_taken():
    # Two equal gradients: any share between them solves it, and the even one is the shortest.
    cosines = np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0]])
    x = complementary_of_cosines(cosines, np.array([[-1.0, -1.0, -2.0]]))
    np.testing.assert_allclose(x, [[0.5, 0.5, 2.0]], atol=1e-6)
