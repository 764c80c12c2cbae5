"""M-ConFIG."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import ConFIG, MConFIG


class Literal:
    """The algorithm of the paper, task by task, on its own gradients."""

    def __init__(self, n_tasks, n_parameters, beta_1, beta_2):
        self.means, self.steps = np.zeros((n_tasks, n_parameters)), np.zeros(n_tasks)
        self.mean, self.squares, self.step = np.zeros(n_parameters), np.zeros(n_parameters), 0
        self.beta_1, self.beta_2 = beta_1, beta_2

    def update(self, rows, active):
        for task in np.flatnonzero(active):
            self.means[task] = self.beta_1 * self.means[task] + (1 - self.beta_1) * rows[task]
            self.steps[task] += 1
        seen = self.steps > 0
        unbiased = self.means[seen] / (1 - self.beta_1 ** self.steps[seen])[:, None]
        units = unbiased / np.linalg.norm(unbiased, axis=1, keepdims=True)
        best = np.linalg.pinv(units) @ np.ones(len(units))
        best /= np.linalg.norm(best)
        direction = (unbiased @ best).sum() * best
        self.step += 1
        mean = direction * (1 - self.beta_1**self.step)
        implied = (mean - self.beta_1 * self.mean) / (1 - self.beta_1)
        self.mean = mean
        self.squares = self.beta_2 * self.squares + (1 - self.beta_2) * implied**2
        return direction, direction / np.sqrt(self.squares / (1 - self.beta_2**self.step))


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("how", ["all", "one a step"])
def test_is_the_algorithm_of_the_paper(how, adaptive):
    ours, theirs = MConFIG(0.8, 0.9, adaptive), Literal(3, 10, 0.8, 0.9)
    for step in range(12):
        rows = np.random.default_rng(step).normal(size=(3, 10)) * [[1], [10], [100]]
        active = np.ones(3, dtype=bool) if how == "all" else np.arange(3) == step % 3
        found = ours.combine(rows, np.ones(3), active)
        np.testing.assert_allclose(found, theirs.update(rows, active)[int(adaptive)], rtol=1e-8, atol=1e-10)


def test_without_memory_it_is_config():
    rows = np.random.default_rng(0).normal(size=(4, 12))
    found = MConFIG(beta_1=0.0, adaptive=False).combine(rows, np.ones(4))
    np.testing.assert_allclose(found, ConFIG().weights(np.ones(4), rows @ rows.T) @ rows, rtol=1e-9)


def test_cosines_with_the_running_means_are_those_of_the_preference():
    balancer = MConFIG(0.5, adaptive=False, preference=[1, 2, 3])
    for step in range(3):
        update = balancer.combine(np.random.default_rng(step).normal(size=(3, 9)), np.ones(3))
    means = balancer.state["mean_gradients"]
    cosines = means @ update / np.linalg.norm(means, axis=1)
    np.testing.assert_allclose(cosines / cosines[0], [1, 2, 3])


def test_an_absent_task_goes_on_through_its_running_mean():
    balancer = MConFIG(adaptive=False)
    rows = np.array([[1.0, 0.0], [0.0, 1.0]])
    balancer.combine(rows, np.ones(2))
    found = balancer.combine(rows, np.ones(2), np.array([True, False]))
    np.testing.assert_allclose(found, [1, 1])


def test_opposite_gradients_give_no_update():
    rows = np.array([[1.0, 2.0], [-1.0, -2.0]])
    for adaptive in (False, True):
        np.testing.assert_array_equal(MConFIG(adaptive=adaptive).combine(rows, np.ones(2)), 0)


def test_bad_arguments_are_refused():
    for arguments in ({"beta_1": 1.0}, {"beta_2": -0.1}):
        with pytest.raises(InvalidArgumentError, match=next(iter(arguments))):
            MConFIG(**arguments)
