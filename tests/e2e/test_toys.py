"""Short versions of the toy problems; the full ones stand in examples/toys."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cotrain.balancing import Equal, GradNorm

TOYS = Path(__file__).resolve().parents[2] / "examples" / "toys"


def load(name: str):
    specification = importlib.util.spec_from_file_location(f"toy_{name}", TOYS / f"{name}.py")
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module  # dataclasses look their module up
    specification.loader.exec_module(module)
    return module


plane, quadratics, uncertainty, gradnorm = map(
    load, ("two_objectives", "quadratics", "uncertainty", "gradnorm")
)


def test_gradients_of_the_plane_are_those_of_its_losses():
    points = np.random.default_rng(0).uniform(-9, 9, (50, 2))
    _, gradients = plane.losses_and_gradients(points, (0.1, 1.0))
    for axis in range(2):
        offset = np.eye(2)[axis] * 1e-6
        above, below = (plane.losses_and_gradients(points + sign * offset, (0.1, 1.0))[0] for sign in (1, -1))
        np.testing.assert_allclose((above - below) / 2e-6, gradients[:, :, axis], atol=1e-6)


@pytest.mark.slow
def test_bargaining_reaches_the_front_from_all_starts_and_the_sum_does_not():
    """At a twentyfold learning rate; the full run takes 50,000 steps at .001."""
    problem = plane.PROBLEMS["plane"]
    nash = plane.descend(plane.METHODS["NashMTL"], problem, 1500, 0.02)[-1]
    assert plane.on_front(nash).sum() == 5
    summed = plane.descend(plane.METHODS["Equal"], problem, 3500, 0.02)[-1]
    assert not plane.on_front(summed)[2]


@pytest.mark.slow
def test_conflict_averse_descent_ends_at_the_best_mean():
    """The claim of its paper's figure: all starts end at the minimum of the mean loss, (0, -8.355)."""
    problem = plane.PROBLEMS["cagrad"]
    ends = plane.descend(plane.METHODS["CAGrad"], problem, 5000, 0.03)[-1]
    np.testing.assert_allclose(ends[1], [0.0, -8.355], atol=0.1)
    assert np.abs(ends[[0, 2], 0]).max() < 5.0  # past the points where plain descent is stuck
    assert (ends[:, 1] < -4).all()


@pytest.mark.parametrize("name", ["MGDA", "IMTLGradient", "NashMTL", "ConFIG", "UPGrad", "PCGrad", "CAGrad"])
@pytest.mark.parametrize("units", ["same", "scaled"])
def test_quadratics_end_on_their_pareto_set_in_any_units(name, units):
    for start in quadratics.STARTS[:2]:
        path = quadratics.descend(quadratics.METHODS[name], start, quadratics.EXPONENTS[units], 400)
        assert quadratics.distance_to_front(path[0]) > 0.5
        assert quadratics.distance_to_front(path[-1]) < 0.05


@pytest.mark.parametrize("name", ["LogLoss", "FAMO", "UnitNorm", "IMTLGradient", "NashMTL", "MGDA l2"])
def test_methods_without_units_take_the_same_way_in_any(name):
    start = quadratics.STARTS[0]
    same, scaled = (
        quadratics.descend(quadratics.METHODS[name], start, quadratics.EXPONENTS[units], 80)
        for units in ("same", "scaled")
    )
    np.testing.assert_allclose(scaled, same, atol=1e-5)


@pytest.mark.slow
def test_uncertainty_weighting_finds_the_noise():
    torch.set_num_threads(1)
    first, second = uncertainty.train(seed=2, epochs=500, width=256)[-1]
    assert 7 < first < 11
    assert 0.8 < second < 1.1


def test_gradnorm_tames_a_task_of_a_hundredfold_unit():
    torch.set_num_threads(1)
    equal, _ = gradnorm.train(Equal(), steps=150, rows=500, width=32)
    normed, weights = gradnorm.train(GradNorm(alpha=0.12), steps=150, rows=500, width=32)
    assert np.isfinite([equal, normed]).all()
    assert weights[-1][0] > 10 * weights[-1][1]
