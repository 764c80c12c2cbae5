"""FairGrad: α-fair gains."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import MGDA, FairGrad, NashMTL


def gramian(seed, n_tasks):
    rows = np.random.default_rng(seed).normal(size=(n_tasks, 2 * n_tasks))
    return rows @ rows.T


@pytest.mark.parametrize("n_tasks", [1, 2, 5, 16, 40])
@pytest.mark.parametrize("alpha", [0.2, 1.0, 2.0, 10.0])
@pytest.mark.parametrize("scale", [1e-10, 1.0, 1e10])
def test_the_equation_holds(n_tasks, alpha, scale):
    for seed in range(5):
        gramian_KK = scale * gramian(seed, n_tasks)
        weights = FairGrad(alpha).weights(np.ones(n_tasks), gramian_KK)
        np.testing.assert_allclose((gramian_KK @ weights) * weights ** (1 / alpha), 1, atol=1e-8)


def test_alpha_one_is_nash_and_a_large_alpha_maximises_the_least_gain():
    gramian_KK = gramian(0, 4)
    nash = NashMTL().weights(np.ones(4), gramian_KK)
    np.testing.assert_allclose(FairGrad(1.0).weights(np.ones(4), gramian_KK), nash, rtol=1e-9)
    fair, mgda = FairGrad(500.0).weights(np.ones(4), gramian_KK), MGDA().weights(np.ones(4), gramian_KK)
    np.testing.assert_allclose(fair / fair.sum(), mgda, atol=0.01)


def test_a_preference_weights_the_utilities():
    preference = np.array([0.5, 1.0, 1.5])
    weights = FairGrad(2.0, preference=preference).weights(np.ones(3), gramian(1, 3))
    np.testing.assert_allclose(gramian(1, 3) @ weights, (preference / weights) ** 0.5, rtol=1e-8)


def test_alpha_must_be_positive():
    with pytest.raises(InvalidArgumentError, match="expected a positive number"):
        FairGrad(0.0)


def test_agrees_with_torchjd():
    aggregation = pytest.importorskip("torchjd.aggregation", reason="torchjd is not installed")
    pytest.importorskip("scipy", reason="torchjd's FairGrad needs scipy, which is not installed")
    torch = pytest.importorskip("torch")
    for seed in range(5):
        gramian_KK = gramian(seed, 4)
        theirs = aggregation.FairGradWeighting(alpha=2.0)(torch.from_numpy(gramian_KK)).numpy()
        missed = np.abs(gramian_KK @ theirs * theirs**0.5 - 1).max()
        ours = FairGrad(2.0).weights(np.ones(4), gramian_KK)
        np.testing.assert_allclose(ours, theirs, atol=max(1e-6, 10 * missed))
