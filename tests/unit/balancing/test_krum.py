"""Krum."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Krum


def literal(rows, n_byzantine, n_selected):
    """Scores and selection, gradient by gradient, on the gradients themselves."""
    n_tasks, scores = len(rows), []
    for i in range(n_tasks):
        others = sorted(((rows[i] - rows[j]) ** 2).sum() for j in range(n_tasks) if j != i)
        scores.append(sum(others[: max(n_tasks - n_byzantine - 2, 1)]))
    # two gradients that are each other's nearest have one score: all orders of such ties are averaged
    weights, order = np.zeros(n_tasks), np.argsort(scores)
    for place in order[:n_selected]:
        alike = [task for task in range(n_tasks) if np.isclose(scores[task], scores[place], rtol=1e-12)]
        first = min(list(order).index(task) for task in alike)
        weights[alike] = min(n_selected - first, len(alike)) / len(alike) / n_selected
    return weights


@pytest.mark.parametrize("n_byzantine", [0, 1, 2, 5])
@pytest.mark.parametrize("n_selected", [1, 3, None])
@pytest.mark.parametrize("n_tasks", [5, 12])
def test_is_the_selection_of_the_paper(n_tasks, n_byzantine, n_selected):
    for seed in range(10):
        rows = np.random.default_rng(seed).normal(size=(n_tasks, 20))
        weights = Krum(n_byzantine, n_selected).weights(np.ones(n_tasks), rows @ rows.T)
        m = n_selected or max(n_tasks - n_byzantine, 1)
        np.testing.assert_allclose(weights, literal(rows, n_byzantine, m))


def test_gradients_that_follow_no_sense_get_nothing():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=10) + 0.1 * generator.normal(size=(7, 10))
    rows[[2, 5]] = 100 * generator.normal(size=(2, 10))
    weights = Krum(n_byzantine=2).weights(np.ones(7), rows @ rows.T)
    assert weights[[2, 5]].tolist() == [0, 0]
    np.testing.assert_allclose(weights[[0, 1, 3, 4, 6]], 0.2)


def test_tasks_of_equal_score_share_what_is_left():
    rows = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])
    np.testing.assert_allclose(Krum(0, 1).weights(np.ones(4), rows @ rows.T), 0.25)


def test_one_and_two_tasks_are_no_trap():
    assert Krum().weights(np.ones(1), np.eye(1)).tolist() == [1.0]
    np.testing.assert_allclose(Krum(n_byzantine=3).weights(np.ones(2), np.eye(2)), 0.5)


def test_bad_arguments_are_refused():
    for arguments in ({"n_byzantine": -1}, {"n_selected": 0}):
        with pytest.raises(InvalidArgumentError, match=next(iter(arguments))):
            Krum(**arguments)
