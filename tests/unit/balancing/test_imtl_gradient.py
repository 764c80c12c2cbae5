"""IMTL-G: equal projections."""

import numpy as np
import pytest

from cotrain.balancing import IMTLGradient


def jacobian(seed, n_tasks, n_parameters=None):
    return np.random.default_rng(seed).normal(size=(n_tasks, n_parameters or 2 * n_tasks))


def literal(rows):
    """The closed form of the paper, on differences of gradients and of unit gradients."""
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    differences, unit_differences = rows[0] - rows[1:], units[0] - units[1:]
    rest = rows[0] @ unit_differences.T @ np.linalg.inv(differences @ unit_differences.T)
    return np.concatenate([[1 - rest.sum()], rest])


@pytest.mark.parametrize("n_tasks", [2, 3, 8])
def test_is_the_closed_form_of_the_paper(n_tasks):
    for seed in range(20):
        rows = jacobian(seed, n_tasks, 40)
        weights = IMTLGradient().weights(np.ones(n_tasks), rows @ rows.T)
        np.testing.assert_allclose(weights, literal(rows), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("n_tasks", [2, 5, 40])
def test_projections_are_equal(n_tasks):
    for seed in range(10):
        rows = jacobian(seed, n_tasks)
        weights = IMTLGradient(preference=np.arange(1.0, n_tasks + 1)).weights(
            np.ones(n_tasks), rows @ rows.T
        )
        projections = rows @ (weights @ rows) / np.linalg.norm(rows, axis=1) / np.arange(1, n_tasks + 1)
        assert projections.min() > 0
        np.testing.assert_allclose(projections, projections[0], rtol=1e-8)


def test_the_update_never_climbs_where_the_formula_of_the_paper_does():
    rows = next(
        rows
        for rows in (jacobian(seed, 6, 7) * np.array([[1], [2], [4], [8], [16], [32]]) for seed in range(500))
        if np.linalg.solve(rows @ rows.T, np.linalg.norm(rows, axis=1)).sum() < 0
    )
    assert (rows @ (literal(rows) @ rows)).max() < 0
    weights = IMTLGradient().weights(np.ones(6), rows @ rows.T)
    assert (rows @ (weights @ rows)).min() > 0


def test_identical_gradients_are_no_trap():
    np.testing.assert_allclose(IMTLGradient().weights(np.ones(2), np.ones((2, 2))), [0.5, 0.5])


def test_agrees_with_torchjd():
    aggregation = pytest.importorskip("torchjd.aggregation", reason="torchjd is not installed")
    torch = pytest.importorskip("torch")
    for seed in range(10):
        rows = jacobian(seed, 5, 100)
        theirs = aggregation.IMTLGWeighting()(torch.from_numpy(rows @ rows.T)).numpy()
        np.testing.assert_allclose(IMTLGradient().weights(np.ones(5), rows @ rows.T), theirs, atol=1e-6)
