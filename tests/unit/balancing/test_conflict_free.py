"""ConFIG: equal positive cosines."""

import numpy as np
import pytest

from cotrain.balancing import ConFIG, IMTLGradient


def literal(rows):
    """The pseudo-inverse of the unit gradients, as in the paper."""
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    best = np.linalg.pinv(units) @ np.ones(len(rows))
    best = best / np.linalg.norm(best)
    return (rows @ best).sum() * best


@pytest.mark.parametrize("n_tasks", [2, 3, 8, 20])
@pytest.mark.parametrize("n_parameters", [50, 4])
def test_is_the_formula_of_the_paper(n_tasks, n_parameters):
    rows = np.random.default_rng(n_tasks).normal(size=(n_tasks, n_parameters))
    weights = ConFIG().weights(np.ones(n_tasks), rows @ rows.T)
    np.testing.assert_allclose(weights @ rows, literal(rows), rtol=1e-8, atol=1e-9)


def test_cosines_are_equal_and_positive():
    for seed in range(20):
        rows = np.random.default_rng(seed).normal(size=(6, 12)) * 10.0 ** np.arange(-3, 3)[:, None]
        update = ConFIG().weights(np.ones(6), rows @ rows.T) @ rows
        cosines = rows @ update / np.linalg.norm(rows, axis=1) / np.linalg.norm(update)
        assert cosines.min() > 0
        np.testing.assert_allclose(cosines, cosines[0], rtol=1e-9)


def test_a_preference_sets_the_cosines():
    rows = np.random.default_rng(0).normal(size=(3, 9))
    update = ConFIG(preference=[1, 2, 3]).weights(np.ones(3), rows @ rows.T) @ rows
    cosines = rows @ update / np.linalg.norm(rows, axis=1) / np.linalg.norm(update)
    np.testing.assert_allclose(cosines / cosines[0], [1, 2, 3], rtol=1e-9)


def test_opposite_gradients_give_no_update():
    gramian = np.array([[1.0, -1.0], [-1.0, 1.0]])
    np.testing.assert_array_equal(ConFIG().weights(np.ones(2), gramian), [0, 0])


def test_the_direction_is_that_of_imtl():
    rows = np.random.default_rng(2).normal(size=(4, 9))
    ours, other = (cls().weights(np.ones(4), rows @ rows.T) for cls in (ConFIG, IMTLGradient))
    np.testing.assert_allclose(ours / ours[0], other / other[0], rtol=1e-9)


def test_agrees_with_torchjd():
    aggregation = pytest.importorskip("torchjd.aggregation", reason="torchjd is not installed")
    torch = pytest.importorskip("torch")
    for seed in range(10):
        rows = np.random.default_rng(seed).normal(size=(5, 20))
        theirs = aggregation.ConFIG()(torch.from_numpy(rows)).numpy()
        np.testing.assert_allclose(ConFIG().weights(np.ones(5), rows @ rows.T) @ rows, theirs, atol=1e-6)
