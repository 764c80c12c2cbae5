"""Nash-MTL: the bargaining solution."""

import warnings

import numpy as np
import pytest

from cotrain.balancing import NashMTL


def gramian(seed, n_tasks, n_parameters=None):
    rows = np.random.default_rng(seed).normal(size=(n_tasks, n_parameters or 2 * n_tasks))
    return rows @ rows.T


@pytest.mark.parametrize("n_tasks", [1, 2, 3, 8, 16, 40])
@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_weights_times_gains_are_one(n_tasks, scale):
    """Twenty rounds of the usual procedure miss this equation in two of five cases at 8 tasks."""
    for seed in range(10):
        gramian_KK = scale * gramian(seed, n_tasks)
        weights = NashMTL().weights(np.ones(n_tasks), gramian_KK)
        assert weights.min() > 0
        np.testing.assert_allclose(weights * (gramian_KK @ weights), 1, atol=1e-8)


def test_two_tasks_have_a_closed_form():
    for cosine in (-0.999999, -0.5, 0.0, 0.7, 1.0):
        norms = np.array([0.01, 30.0])
        gramian_22 = np.array([[1, cosine], [cosine, 1]]) * np.outer(norms, norms)
        weights = NashMTL().weights(np.ones(2), gramian_22)
        np.testing.assert_allclose(weights, 1 / (norms * np.sqrt(1 + cosine)), rtol=1e-8)


def test_units_far_apart_are_no_matter():
    units = np.logspace(-6, 6, 6)
    plain = gramian(0, 6)
    weights = NashMTL().weights(np.ones(6), plain * np.outer(units, units))
    np.testing.assert_allclose(weights * units, NashMTL().weights(np.ones(6), plain), rtol=1e-7)


def test_a_preference_gives_weighted_bargaining():
    preference = np.array([0.5, 1.0, 1.5])
    weights = NashMTL(preference=preference).weights(np.ones(3), gramian(1, 3))
    np.testing.assert_allclose(weights * (gramian(1, 3) @ weights), preference, atol=1e-8)


def test_a_stationary_point_gives_bounded_weights():
    weights = NashMTL().weights(np.ones(2), np.array([[1.0, -1.0], [-1.0, 1.0]]))
    assert weights[0] == pytest.approx(weights[1])
    assert 1 < weights[0] < 1e4


def test_torchjd_misses_the_equation():
    aggregation = pytest.importorskip("torchjd.aggregation", reason="torchjd is not installed")
    for package in ("cvxpy", "ecos"):
        pytest.importorskip(package, reason=f"torchjd's Nash-MTL needs {package}, which is not installed")
    torch = pytest.importorskip("torch")
    missed = 0
    for seed in range(6):
        rows = np.random.default_rng(seed).normal(size=(8, 10))
        rows *= 10 ** np.random.default_rng(seed).uniform(-1, 1, size=(8, 1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = aggregation.NashMTL(n_tasks=8).weighting(torch.from_numpy(rows)).numpy()
        products = theirs * (rows @ rows.T @ theirs)  # one number for all tasks, up to its clipping
        ours = NashMTL().weights(np.ones(8), rows @ rows.T)
        if products.max() / products.min() < 1 + 1e-5:
            np.testing.assert_allclose(ours / ours.sum(), theirs / theirs.sum(), atol=1e-6)
        else:
            missed += 1
        np.testing.assert_allclose(ours * (rows @ rows.T @ ours), 1, atol=1e-8)
    assert missed >= 2
