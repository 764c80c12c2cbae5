"""UPGrad: each gradient projected onto the dual cone."""

import numpy as np
import pytest

from cotrain.balancing import UPGrad
from cotrain.balancing._solvers import dual_cone_weights


def jacobian(seed, n_tasks, n_parameters=None):
    return np.random.default_rng(seed).normal(size=(n_tasks, n_parameters or 2 * n_tasks))


@pytest.mark.parametrize("n_tasks", [2, 3, 8, 16, 40])
@pytest.mark.parametrize("wide", [True, False])
def test_optimality_conditions_of_all_projections(n_tasks, wide):
    for seed in range(10):
        rows = jacobian(seed, n_tasks, 3 * n_tasks if wide else max(1, n_tasks // 2))
        gramian = rows @ rows.T / (rows**2).sum() * n_tasks
        projections = dual_cone_weights(gramian, np.eye(n_tasks))
        raised, gains = projections - np.eye(n_tasks), projections @ gramian
        bound = 1e-8 * max(1, projections.max())
        assert raised.min() >= 0
        assert gains.min() >= -bound
        assert np.abs(raised * gains).max() < bound
        weights = UPGrad().weights(np.ones(n_tasks), rows @ rows.T)
        np.testing.assert_allclose(weights @ rows, projections.mean(axis=0) @ rows, atol=1e-6)


def test_no_task_is_harmed():
    for seed in range(20):
        rows = jacobian(seed, 10)
        gains = rows @ (UPGrad().weights(np.ones(10), rows @ rows.T) @ rows)
        assert gains.min() > -1e-9


def test_agrees_with_slow_projections_one_by_one():
    rows = jacobian(2, 4, 6)
    gramian, total = rows @ rows.T, np.zeros(4)
    step = 1 / np.linalg.eigvalsh(gramian)[-1]
    for floor in np.eye(4):
        weights = floor.copy()
        for _ in range(30_000):
            weights = np.maximum(weights - step * gramian @ weights, floor)
        total += weights / 4
    np.testing.assert_allclose(UPGrad().weights(np.ones(4), gramian), total, rtol=1e-8)


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_short_gradients_are_not_taken_for_zero(scale):
    """An absolute threshold on the norm turns the method into the mean."""
    rows = jacobian(0, 5)
    plain = UPGrad().weights(np.ones(5), rows @ rows.T)
    np.testing.assert_allclose(UPGrad().weights(np.ones(5), scale * rows @ rows.T), plain, rtol=1e-9)


def test_a_preference_weights_the_projections():
    weights = UPGrad(preference=[1, 3]).weights(np.ones(2), np.eye(2))
    np.testing.assert_allclose(weights, [0.25, 0.75])


def test_agrees_with_torchjd_without_its_regularisation():
    aggregation = pytest.importorskip("torchjd.aggregation", reason="torchjd is not installed")
    pytest.importorskip("quadprog", reason="torchjd's projection needs quadprog, which is not installed")
    torch = pytest.importorskip("torch")
    from torchjd.linalg import QuadprogProjector

    theirs = aggregation.UPGradWeighting(projector=QuadprogProjector(norm_eps=0.0, reg_eps=0.0))
    for seed in range(10):
        rows = jacobian(seed, 6)
        expected = theirs(torch.from_numpy(rows @ rows.T)).numpy()
        np.testing.assert_allclose(UPGrad().weights(np.ones(6), rows @ rows.T), expected, atol=1e-6)
