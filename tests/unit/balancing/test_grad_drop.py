"""GradDrop."""

import numpy as np
import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.balancing import GradDrop
from cotrain.balancing._grad_drop import _uniform


def test_every_entry_is_the_sum_of_one_sign():
    rows = np.random.default_rng(0).normal(size=(4, 1000))
    update = GradDrop().combine(rows, np.ones(4))
    positive, negative = np.maximum(rows, 0).sum(axis=0), np.minimum(rows, 0).sum(axis=0)
    assert (np.isclose(update, positive) | np.isclose(update, negative)).all()


def test_signs_are_drawn_by_their_purity():
    rows = np.tile([[3.0], [-1.0]], 20_000)  # purity (1 + 2/4) / 2 = 3/4
    update = GradDrop().combine(rows, np.ones(2))
    assert (update > 0).mean() == pytest.approx(0.75, abs=0.01)


def test_the_mean_over_steps_is_what_the_paper_says():
    rows = np.array([[3.0, 1.0], [-1.0, 1.0]])
    balancer = GradDrop(leak=0.5)
    mean = np.mean([balancer.combine(rows, np.ones(2)) for _ in range(4000)], axis=0)
    expected = 0.5 * (0.75 * 3 - 0.25 * 1) + 0.5 * 2
    np.testing.assert_allclose(mean, [expected, 2.0], atol=0.05)


def test_full_leak_is_the_sum():
    rows = np.random.default_rng(0).normal(size=(3, 9))
    np.testing.assert_allclose(GradDrop(leak=1.0).combine(rows, np.ones(3)), rows.sum(axis=0))
    with pytest.raises(InvalidArgumentError, match="leak"):
        GradDrop(leak=2.0)


def test_the_stream_is_uniform_and_fresh():
    import array_api_compat.numpy as xp

    draws = np.stack([_uniform(xp, np.zeros(50_000), seed) for seed in (1, 2**40 + 1, 2**62 - 7)])
    for draw in draws:
        counts = np.histogram(draw, bins=20, range=(0, 1))[0]
        assert ((counts - 2500) ** 2 / 2500).sum() < 50  # chi-squared, 19 degrees of freedom
        assert abs(np.corrcoef(draw[:-1], draw[1:])[0, 1]) < 0.02
    assert np.abs(np.corrcoef(draws) - np.eye(3)).max() < 0.02
    assert _uniform(torch_namespace(), torch.zeros(5), 1).tolist() == pytest.approx(draws[0][:5], abs=1e-7)


def torch_namespace():
    import array_api_compat.torch as xp

    return xp
