"""CAGrad: the best worst case in a ball around the mean gradient."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import CAGrad


def gramian(seed, n_tasks, n_parameters=None, units=1.0):
    generator = np.random.default_rng(seed)
    rows = generator.normal(size=(n_tasks, n_parameters or 2 * n_tasks))
    rows *= units ** generator.uniform(-1, 1, size=(n_tasks, 1))
    return rows @ rows.T


def literal_dual(gramian_KK, c):
    """The objective of the paper over two tasks, on a fine grid."""
    share = np.linspace(0, 1, 200_001)
    points = np.stack([share, 1 - share], axis=1)
    mean = np.full(2, 0.5)
    radius = c * np.sqrt(mean @ gramian_KK @ mean)
    lengths = np.sqrt(np.einsum("nk,kj,nj->n", points, gramian_KK, points))
    best = points[np.argmin(points @ gramian_KK @ mean + radius * lengths)]
    return mean + radius * best / np.sqrt(best @ gramian_KK @ best)


@pytest.mark.parametrize("c", [0.2, 0.5, 0.9, 3.0])
def test_agrees_with_a_grid_search_of_the_dual(c):
    for seed in range(10):
        gramian_KK = gramian(seed, 2, 5)
        weights = CAGrad(c).weights(np.ones(2), gramian_KK)
        np.testing.assert_allclose(weights, literal_dual(gramian_KK, c), atol=1e-4)


@pytest.mark.parametrize("n_tasks", [2, 5, 16, 40])
@pytest.mark.parametrize("units", [1.0, 1e3])
def test_optimality_conditions(n_tasks, units):
    for seed in range(10):
        gramian_KK = gramian(seed, n_tasks, units=units)
        mean = np.full(n_tasks, 1 / n_tasks)
        radius = 0.5 * np.sqrt(mean @ gramian_KK @ mean)
        weights = CAGrad().weights(np.ones(n_tasks), gramian_KK)
        extra = weights - mean
        gains = gramian_KK @ weights
        assert extra.min() >= -1e-12 * extra.max()
        assert np.sqrt(extra @ gramian_KK @ extra) == pytest.approx(radius, rel=1e-9)
        lifted = extra * np.sqrt(np.diagonal(gramian_KK)) > 1e-9 * radius
        np.testing.assert_allclose(gains[lifted], gains.min(), atol=1e-8 * np.abs(gains).max())


@pytest.mark.parametrize("scale", [1e-12, 1e-4, 1e6, 1e12])
def test_the_scale_of_the_gradients_is_no_matter(scale):
    """A general solver on raw numbers is wrong for norms of .01 and less, and of 1,000 and more."""
    gramian_KK = gramian(0, 8)
    plain = CAGrad().weights(np.ones(8), gramian_KK)
    np.testing.assert_allclose(CAGrad().weights(np.ones(8), scale * gramian_KK), plain, rtol=1e-9)


def test_no_radius_is_the_mean():
    np.testing.assert_array_equal(CAGrad(0.0).weights(np.ones(4), gramian(0, 4)), np.full(4, 0.25))
    with pytest.raises(InvalidArgumentError, match="at least 0"):
        CAGrad(-0.1)


def test_a_preference_moves_the_centre():
    weights = CAGrad(0.0, preference=[1, 3]).weights(np.ones(2), gramian(0, 2))
    np.testing.assert_allclose(weights, [0.25, 0.75])


def test_agrees_with_torchjd():
    aggregation = pytest.importorskip("torchjd.aggregation", reason="torchjd is not installed")
    pytest.importorskip("cvxpy", reason="torchjd's CAGrad needs cvxpy, which is not installed")
    torch = pytest.importorskip("torch")
    for seed in range(5):
        gramian_KK = gramian(seed, 4)
        theirs = aggregation.CAGradWeighting(c=0.5)(torch.from_numpy(gramian_KK)).numpy()
        np.testing.assert_allclose(CAGrad().weights(np.ones(4), gramian_KK), theirs, atol=1e-4)
