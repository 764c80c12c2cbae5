"""The trimmed mean."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import TrimmedMean


def literal(rows, trim):
    """Sort and cut, parameter by parameter."""
    trim = min(trim, (len(rows) - 1) // 2)
    return np.array([np.mean(sorted(column)[trim : len(rows) - trim]) for column in rows.T])


@pytest.mark.parametrize("n_tasks", [1, 2, 3, 6, 9])
@pytest.mark.parametrize("trim", [0, 1, 2, 4])
def test_is_the_definition(n_tasks, trim):
    rows = np.random.default_rng(n_tasks).normal(size=(n_tasks, 7)) * 1e3
    np.testing.assert_allclose(TrimmedMean(trim).combine(rows, np.ones(n_tasks)), literal(rows, trim))


@pytest.mark.parametrize("n_active", [1, 2, 3, 4])
def test_absent_tasks_are_left_out_before_the_trimming(n_active):
    rows = np.random.default_rng(n_active).normal(size=(6, 7))
    active = np.arange(6) % 2 == 0 if n_active == 3 else np.arange(6) < n_active
    found = TrimmedMean(1).combine(np.where(active[:, None], rows, np.nan), np.ones(6), active)
    np.testing.assert_allclose(found, literal(rows[active], 1))


def test_it_stays_between_the_gradients_that_follow_sense():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(7, 10))
    rows[[1, 4]] *= 1e9
    found, rest = TrimmedMean(2).combine(rows, np.ones(7)), np.delete(rows, [1, 4], axis=0)
    assert (found <= rest.max(axis=0)).all()
    assert (found >= rest.min(axis=0)).all()


def test_without_anybody_there_is_no_update():
    found = TrimmedMean().combine(np.ones((3, 4)), np.ones(3), np.zeros(3, dtype=bool))
    np.testing.assert_array_equal(found, 0)


def test_agrees_with_torchjd():
    aggregation = pytest.importorskip("torchjd.aggregation", reason="torchjd is not installed")
    torch = pytest.importorskip("torch")
    rows = np.random.default_rng(0).normal(size=(7, 20))
    theirs = aggregation.TrimmedMean(trim_number=2)(torch.from_numpy(rows)).numpy()
    np.testing.assert_allclose(TrimmedMean(2).combine(rows, np.ones(7)), theirs)


def test_bad_arguments_are_refused():
    with pytest.raises(InvalidArgumentError, match="trim"):
        TrimmedMean(trim=-1)
