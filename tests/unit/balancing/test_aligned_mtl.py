"""Aligned-MTL: principal components of one length."""

import numpy as np
import pytest

from cotrain.balancing import AlignedMTL


def literal(rows):
    """The singular value decomposition of the paper: the nearest orthogonal system, scaled by σ_min."""
    left, singular, right = np.linalg.svd(rows, full_matrices=False)
    return (singular[-1] * left @ right).sum(axis=0)


@pytest.mark.parametrize("n_tasks", [2, 3, 8, 20])
def test_is_the_aligned_system_of_the_paper(n_tasks):
    rows = np.random.default_rng(n_tasks).normal(size=(n_tasks, 50))
    weights = AlignedMTL().weights(np.ones(n_tasks), rows @ rows.T)
    np.testing.assert_allclose(weights @ rows, literal(rows), rtol=1e-9, atol=1e-10)


def test_dependent_gradients_are_aligned_on_their_span():
    rows = np.random.default_rng(0).normal(size=(2, 9))
    rows = np.vstack([rows, rows.sum(axis=0)])
    weights = AlignedMTL().weights(np.ones(3), rows @ rows.T)
    left, singular, right = np.linalg.svd(rows, full_matrices=False)
    expected = (singular[1] * left[:, :2] @ right[:2]).sum(axis=0)
    np.testing.assert_allclose(weights @ rows, expected, rtol=1e-9)


def test_agrees_with_torchjd():
    aggregation = pytest.importorskip("torchjd.aggregation", reason="torchjd is not installed")
    torch = pytest.importorskip("torch")
    for seed in range(10):
        rows = np.random.default_rng(seed).normal(size=(5, 20))
        weighting = aggregation.AlignedMTLWeighting(pref_vector=torch.ones(5, dtype=torch.float64))
        theirs = weighting(torch.from_numpy(rows @ rows.T)).numpy()
        np.testing.assert_allclose(AlignedMTL().weights(np.ones(5), rows @ rows.T), theirs, atol=1e-6)
