"""FAMO."""

import numpy as np
import pytest
import torch

from cotrain._base import InvalidArgumentError
from cotrain.balancing import FAMO


class Literal:
    """The authors' procedure with automatic differentiation and torch's Adam."""

    def __init__(self, n_tasks, minima):
        self.logits = torch.zeros(n_tasks, dtype=torch.float64, requires_grad=True)
        self.adam = torch.optim.Adam([self.logits], lr=0.025, weight_decay=0.001)
        self.minima = minima

    def weights(self, losses):
        self.before = losses - self.minima
        share = torch.softmax(self.logits.detach(), 0)
        return share / self.before / (share / self.before).sum()

    def observe_update(self, losses):
        delta = self.before.log() - (losses - self.minima).log()
        self.logits.grad = torch.autograd.grad(torch.softmax(self.logits, 0), self.logits, delta)[0]
        self.adam.step()


def test_is_the_procedure_of_the_paper():
    minima = torch.tensor([-1.0, 0.0, 0.5], dtype=torch.float64)
    ours, literal = FAMO(minima=minima.tolist()), Literal(3, minima)
    generator = np.random.default_rng(0)
    for _ in range(30):
        before = torch.tensor(generator.uniform(1, 5, 3))
        after = before * torch.tensor(generator.uniform(0.8, 1.0, 3))
        np.testing.assert_allclose(ours.weights(before).numpy(), literal.weights(before).numpy(), rtol=1e-6)
        ours.observe_update(after)
        literal.observe_update(after)


def test_a_task_that_improves_less_gains_weight():
    balancer = FAMO()
    for _ in range(100):
        weights = balancer.weights(np.array([1.0, 1.0]))
        balancer.observe_update(np.array([0.9, 0.99]))
    assert weights[1] > 2 * weights[0]


def test_the_update_is_ignored_where_a_loss_has_broken():
    balancer = FAMO()
    balancer.weights(np.ones(2))
    balancer.observe_update(np.array([np.nan, 0.5]))
    assert balancer.state["logits"][0] == 0


def test_refusals():
    with pytest.raises(InvalidArgumentError, match="before weights"):
        FAMO().observe_update(np.ones(2))
    with pytest.raises(InvalidArgumentError, match="minima"):
        FAMO(minima=[0.0]).weights(np.ones(2))
