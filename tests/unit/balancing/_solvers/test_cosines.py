import numpy as np

from cotrain.balancing._solvers._cosines import lengths_and_cosines, nearly_singular


def test_lengths_and_cosines_give_the_gramian_back():
    rows = np.random.default_rng(0).normal(size=(4, 7)) * [[1e-6], [1.0], [1e6], [3.0]]
    gramian = rows @ rows.T
    norms, cosines = lengths_and_cosines(gramian)
    np.testing.assert_allclose(norms, np.linalg.norm(rows, axis=1))
    np.testing.assert_allclose(np.diagonal(cosines), 1.0)
    np.testing.assert_allclose(norms[:, None] * cosines * norms, gramian)


def test_dependent_gradients_are_told_from_independent_ones():
    rows = np.random.default_rng(1).normal(size=(3, 5))
    regular = lengths_and_cosines(rows @ rows.T)[1]
    dependent = np.vstack([rows, rows[0] - 2 * rows[1]])
    assert not nearly_singular(regular)
    assert nearly_singular(lengths_and_cosines(dependent @ dependent.T)[1])
