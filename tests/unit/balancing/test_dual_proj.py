"""DualProj: the mean gradient projected onto the dual cone."""

import numpy as np
import pytest

from cotrain.balancing import DualProj


def jacobian(seed, n_tasks, n_parameters=None):
    return np.random.default_rng(seed).normal(size=(n_tasks, n_parameters or 2 * n_tasks))


def assert_projection(gramian, floors, weights, tolerance=1e-9):
    gains = gramian @ weights / np.diagonal(gramian).mean()
    raised = weights - floors
    assert raised.min() >= -1e-12
    assert gains.min() >= -tolerance
    assert np.abs(raised * gains).max() < tolerance * max(1, np.abs(weights).max())


@pytest.mark.parametrize("n_tasks", [2, 3, 8, 40])
@pytest.mark.parametrize("wide", [True, False])
def test_optimality_conditions(n_tasks, wide):
    for seed in range(10):
        rows = jacobian(seed, n_tasks, 3 * n_tasks if wide else max(1, n_tasks // 2))
        weights = DualProj().weights(np.ones(n_tasks), rows @ rows.T)
        assert_projection(rows @ rows.T, np.full(n_tasks, 1 / n_tasks), weights, 1e-7)


def test_agrees_with_a_slow_projected_gradient_method():
    rows = jacobian(5, 4, 6)
    gramian, floor = rows @ rows.T, 0.25
    weights = np.full(4, floor)
    step = 1 / np.linalg.eigvalsh(gramian)[-1]
    for _ in range(50_000):
        weights = np.maximum(weights - step * gramian @ weights, floor)
    np.testing.assert_allclose(DualProj().weights(np.ones(4), gramian), weights, rtol=1e-8)


def test_without_conflict_it_is_the_mean():
    gramian = np.ones((4, 4)) + np.eye(4)
    np.testing.assert_array_equal(DualProj().weights(np.ones(4), gramian), np.full(4, 0.25))


def test_a_preference_is_what_is_projected():
    weights = DualProj(preference=[1, 3]).weights(np.ones(2), np.eye(2))
    np.testing.assert_allclose(weights, [0.25, 0.75])


def test_agrees_with_torchjd_without_its_regularisation():
    aggregation = pytest.importorskip("torchjd.aggregation", reason="torchjd is not installed")
    pytest.importorskip("quadprog", reason="torchjd's projection needs quadprog, which is not installed")
    torch = pytest.importorskip("torch")
    from torchjd.linalg import QuadprogProjector

    theirs = aggregation.DualProjWeighting(projector=QuadprogProjector(norm_eps=0.0, reg_eps=0.0))
    for seed in range(10):
        rows = jacobian(seed, 6)
        expected = theirs(torch.from_numpy(rows @ rows.T)).numpy()
        np.testing.assert_allclose(DualProj().weights(np.ones(6), rows @ rows.T), expected, atol=1e-6)
