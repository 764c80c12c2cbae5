"""SAM-GS."""

import itertools

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import SAMGS


class Literal:
    """The authors' algorithm, pair by pair, with the differences that the docstring names."""

    def __init__(self, gamma, beta_1, beta_2):
        self.gamma, self.beta_1, self.beta_2 = gamma, beta_1, beta_2
        self.m, self.v, self.t = 0.0, 0.0, 0

    def update(self, rows):
        self.t += 1
        norms = np.linalg.norm(rows, axis=1)
        pairs = itertools.combinations(range(len(rows)), 2)
        similarities = [2 * norms[i] * norms[j] / (norms[i] ** 2 + norms[j] ** 2) for i, j in pairs]
        self.m = self.beta_1 * self.m + (1 - self.beta_1) * rows
        self.v = self.beta_2 * self.v + (1 - self.beta_2) * (1 - np.mean(similarities)) ** 2
        if min(similarities) < self.gamma:
            return (rows / norms[:, None]).sum(axis=0) * norms.mean()
        momentum = np.abs(self.m / (1 - self.beta_1**self.t))
        root = np.sqrt(self.v / (1 - self.beta_2**self.t) + 1e-8)
        return (rows * momentum / momentum.mean()).sum(axis=0) / root


@pytest.mark.parametrize("gamma", [0.0, 0.95, 1.0])
@pytest.mark.parametrize("n_tasks", [2, 3, 6])
def test_is_the_algorithm_of_the_authors(n_tasks, gamma):
    ours, theirs = SAMGS(gamma, 0.8, 0.7), Literal(gamma, 0.8, 0.7)
    for step in range(15):
        rows = np.random.default_rng(step).normal(size=(n_tasks, 30))
        np.testing.assert_allclose(ours.combine(rows, np.ones(n_tasks)), theirs.update(rows), rtol=1e-9)


def test_unlike_lengths_are_made_equal():
    rows = np.random.default_rng(0).normal(size=(3, 9)) * [[1], [10], [100]]
    update = SAMGS().combine(rows, np.ones(3))
    norms = np.linalg.norm(rows, axis=1)
    np.testing.assert_allclose(update, norms.mean() * (rows / norms[:, None]).sum(axis=0))


@pytest.mark.parametrize("scale", [1e-12, 1e12])
def test_updates_have_the_unit_of_a_gradient_whichever_way_they_are_made(scale):
    for gamma in (0.0, 1.0):
        rows = np.random.default_rng(1).normal(size=(3, 9))
        plain, scaled = SAMGS(gamma).combine(rows, np.ones(3)), SAMGS(gamma).combine(scale * rows, np.ones(3))
        np.testing.assert_allclose(scaled, scale * plain, rtol=1e-9)


def test_one_task_and_zero_rows_are_no_trap():
    row = np.array([[1.0, -2.0, 0.0]])
    assert np.isfinite(SAMGS().combine(row, np.ones(1))).all()
    update = SAMGS().combine(np.vstack([row, np.zeros((1, 3))]), np.ones(2))
    np.testing.assert_allclose(update / update[0], SAMGS().combine(row, np.ones(1)) / update[0] * 2, rtol=1)


def test_bad_arguments_are_refused():
    for arguments in ({"gamma": 1.5}, {"beta_1": 1.0}, {"beta_2": -0.1}):
        with pytest.raises(InvalidArgumentError, match=next(iter(arguments))):
            SAMGS(**arguments)
