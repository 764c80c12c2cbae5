"""Losses and gradients of any size from 1e-12 to 1e12 give finite updates that do not run away."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from cotrain import balancing
from cotrain._base import numpy_generator
from cotrain.balancing import Balancer, JacobianRule, Needs

K, P, STEPS = 4, 9, 8
ARGUMENTS: dict[str, Callable[[], dict[str, Any]]] = {
    "Static": lambda: {"weights_per_task": [1.0] * K},
    "Every": lambda: {"balancer": balancing.UPGrad(), "k": 2},
    "Smoothed": lambda: {"balancer": balancing.UPGrad()},
}
SCALES = [1e-12, 1e-9, 1e-6, 1e-3, 1e3, 1e6, 1e9, 1e12]
NAMES = sorted(
    name
    for name in balancing.__all__
    if inspect.isclass(getattr(balancing, name))
    and issubclass(getattr(balancing, name), Balancer)
    and not inspect.isabstract(getattr(balancing, name))
)


def lengths_of_updates(name: str, factors_NK: np.ndarray, dtype: Any) -> np.ndarray:
    """The lengths of N updates, where losses and gradients of a step carry its K factors."""
    balancer = getattr(balancing, name)(**ARGUMENTS.get(name, dict)())
    balancer.start(K, reference_losses=factors_NK[0].tolist())
    lengths = []
    for step, factors_K in enumerate(factors_NK):
        generator = numpy_generator("scales", step)
        losses = (generator.uniform(0.5, 2, K) * factors_K).astype(dtype)
        # of float64, for the caller computes inner products wide enough
        first, second, third = generator.normal(size=(3, K, P)) * factors_K[:, None]
        if isinstance(balancer, JacobianRule):
            update = balancer.combine(first.astype(dtype), losses)
        else:
            used = third if balancer.needs is Needs.CROSS else first
            gramian = {Needs.LOSSES: None, Needs.CROSS: first @ second.T}.get(balancer.needs, first @ first.T)
            weights = balancer.weights(losses, gramian)
            assert np.isfinite(weights).all()
            update = weights.astype(np.float64) @ used
        assert np.isfinite(update).all()
        lengths.append(np.linalg.norm(update.astype(np.float64)))
        balancer.observe_update(losses * dtype(0.9)) if balancer.observes_update else None
        balancer.observe_validation(losses) if balancer.observes_validation else None
        balancer.end_epoch()
    return np.array(lengths)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("which", ["one", "all", "half"])
def test_no_scale_stops_the_updates_or_makes_them_run_away(name, which, dtype):
    plain = lengths_of_updates(name, np.ones((STEPS, K)), dtype)
    for scale in SCALES:
        factors = np.ones((STEPS, K))
        factors[:, {"one": [1], "all": [0, 1, 2, 3], "half": [0, 3]}[which]] = scale
        lengths = lengths_of_updates(name, factors, dtype)
        assert (lengths > 0).all(), scale
        # no longer than the first one was, but for a factor that the draw of the losses explains
        assert lengths.max() < 1e3 * lengths[0] * plain.max() / plain[0], scale


#: Its running means of the gradients themselves keep such a batch, as any momentum does.
KEEPS_A_SPIKE = {"MoCo"}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in KEEPS_A_SPIKE])
@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_after_one_batch_of_another_size_updates_have_their_size_again(name, scale):
    plain = lengths_of_updates(name, np.ones((30, K)), np.float64)
    factors = np.ones((30, K))
    factors[3, 1] = scale
    lengths = lengths_of_updates(name, factors, np.float64)
    assert 0.05 < lengths[-1] / plain[-1] < 5
