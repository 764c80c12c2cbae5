"""Priority-constrained descent."""

import itertools

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import PCD


def literal(rows, tau):
    """The quadratic program by trying every set of constraints that may bind; rows are normalised."""
    first, others = rows[0], rows[1:]
    for size in range(len(others) + 1):
        for chosen in itertools.combinations(range(len(others)), size):
            held = others[list(chosen)]
            wanted = tau * (held**2).sum(axis=1) - held @ first
            if np.linalg.matrix_rank(held) < size:
                continue
            factors = np.linalg.solve(held @ held.T, wanted) if size else np.zeros(0)
            direction = first + factors @ held
            gains = others @ direction - tau * (others**2).sum(axis=1)
            if (factors >= -1e-12).all() and (gains >= -1e-9).all():
                return direction
    return first


class Literal:
    """The method of the paper, on the gradients themselves, with its running means."""

    def __init__(self, n_tasks, tau, beta):
        self.tau, self.beta, self.means, self.steps = tau, beta, np.zeros(n_tasks), 0

    def update(self, rows):
        self.steps += 1
        self.means = self.beta * self.means + (1 - self.beta) * (rows**2).sum(axis=1)
        scales = 1 / np.sqrt(self.means / (1 - self.beta**self.steps))
        direction = literal(rows * scales[:, None], self.tau)
        return direction * np.linalg.norm(rows[0]) / np.linalg.norm(direction)


@pytest.mark.parametrize("n_tasks", [1, 2, 3, 5])
@pytest.mark.parametrize("tau", [0.0, 0.02, 0.3])
def test_is_the_method_of_the_paper(n_tasks, tau):
    ours, theirs = PCD(tau=tau, beta=0.9), Literal(n_tasks, tau, 0.9)
    for step in range(20):
        rows = np.random.default_rng(step).normal(size=(n_tasks, 12)) * np.logspace(0, 4, n_tasks)[:, None]
        update = ours.weights(np.ones(n_tasks), rows @ rows.T) @ rows
        np.testing.assert_allclose(update, theirs.update(rows), rtol=1e-7, atol=1e-9)


def test_the_closed_form_of_two_tasks():
    first, second, tau = np.array([1.0, 0.0]), np.array([-0.6, 0.8]), 0.1
    update = PCD(tau=tau).weights(np.ones(2), np.array([[1, -0.6], [-0.6, 1.0]])) @ [first, second]
    expected = first + (tau + 0.6) * second
    np.testing.assert_allclose(update, expected / np.linalg.norm(expected))


def test_without_a_conflict_the_primary_gradient_is_followed():
    rows = np.array([[2.0, 0.0], [1.0, 0.3]])
    assert PCD().weights(np.ones(2), rows @ rows.T).tolist() == [1.0, 0.0]


def test_constraints_that_exclude_one_another_are_dropped():
    rows = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, -1.0, 0.0]])
    assert PCD(tau=0.1).weights(np.ones(3), rows @ rows.T).tolist() == [1.0, 0.0, 0.0]


def test_the_unit_of_a_secondary_task_does_not_matter():
    plain, scaled = PCD(tau=0.2), PCD(tau=0.2)
    for step in range(5):
        rows = np.random.default_rng(step).normal(size=(3, 8))
        other = rows * [[1], [1e-6], [1e6]]
        update = plain.weights(np.ones(3), rows @ rows.T) @ rows
        np.testing.assert_allclose(scaled.weights(np.ones(3), other @ other.T) @ other, update, rtol=1e-8)


def test_any_task_can_be_the_primary_one():
    rows, order = np.random.default_rng(0).normal(size=(3, 8)), [2, 0, 1]
    first = PCD(tau=0.3).weights(np.ones(3), rows @ rows.T)
    second = PCD(primary=1, tau=0.3).weights(np.ones(3), rows[order] @ rows[order].T)
    np.testing.assert_allclose(second, first[order])


def test_without_the_primary_task_the_others_get_their_fraction():
    rows, tau = np.random.default_rng(1).normal(size=(3, 8)), 0.1
    balancer = PCD(tau=tau, beta=0.0)
    balancer.weights(np.ones(3), rows @ rows.T)
    weights = balancer.weights(np.array([np.nan, 1.0, 1.0]), rows @ rows.T)
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    gains = units[1:] @ (weights @ rows) / np.linalg.norm(rows[0])
    assert weights[0] == 0
    assert gains.min() == pytest.approx(tau)


def test_a_preference_sets_the_fractions_where_a_constraint_binds():
    gramian = np.array([[1.0, -0.5], [-0.5, 1.0]])
    rows = np.linalg.cholesky(gramian)
    update = PCD(tau=0.1, preference=[1, 4]).weights(np.ones(2), gramian) @ rows
    plain = PCD(tau=0.4).weights(np.ones(2), gramian) @ rows
    np.testing.assert_allclose(update, plain)


def test_agrees_with_torchjd():
    aggregation = pytest.importorskip("torchjd.aggregation", reason="torchjd is not installed")
    torch = pytest.importorskip("torch")
    theirs, ours = aggregation.PCD(tau=0.1, eps=0.0), PCD(tau=0.1)
    for step in range(10):
        rows = np.random.default_rng(step).normal(size=(6, 20))
        expected = theirs(torch.from_numpy(rows)).numpy()
        np.testing.assert_allclose(ours.weights(np.ones(6), rows @ rows.T) @ rows, expected, atol=1e-7)


def test_bad_arguments_are_refused():
    for arguments in ({"primary": -1}, {"tau": 1.5}, {"beta": 1.0}):
        with pytest.raises(InvalidArgumentError, match=next(iter(arguments))):
            PCD(**arguments)
