from __future__ import annotations

import copy

import numpy as np
import pytest

from cotrain import balancing as methods
from cotrain._base import InvalidArgumentError
from cotrain.balancing._loss_scale import heeds_scale

#: What the papers' equations say: which updates a factor on one loss leaves alone.
HEED = [
    "Equal",
    "UPGrad",
    "MGDA",
    "CAGrad",
    "PCGrad",
    "DWA",
    "ReferenceScaled",
    "GradDrop",
    "RandomWeighting",
]
IGNORE = ["UnitNorm", "IMTLGradient", "GeometricMean", "InitialScaled", "LogLoss", "ConFIG"]


@pytest.mark.parametrize("name", [name for name in HEED if hasattr(methods, name)])
def test_a_factor_on_a_loss_counts(name):
    assert heeds_scale(getattr(methods, name)(), 3)


@pytest.mark.parametrize("name", [name for name in IGNORE if hasattr(methods, name)])
def test_a_factor_on_a_loss_is_undone(name):
    assert not heeds_scale(getattr(methods, name)(), 3)


def test_the_method_is_not_changed():
    method = methods.DWA()
    before = copy.deepcopy(method.state)
    heeds_scale(method, 2)
    assert method.state == before


def test_a_method_that_cannot_be_tried_is_not_accused():
    class Refusing(methods.LossRule):
        def _rule(self, xp, losses_K, active_K):
            raise InvalidArgumentError("not like this")

    assert heeds_scale(Refusing(), 2)


def test_many_tasks_and_losses_of_any_size():
    assert heeds_scale(methods.Static(np.full(40, 1e-6).tolist()), 40)
