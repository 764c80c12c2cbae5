"""The base of methods on independent batches."""

import numpy as np

from cotrain.balancing import CrossBatchRule, MoDo


class Recorder(CrossBatchRule):
    def _solve(self, cross_AA, preference_A, index_A):
        self.seen = cross_AA
        return np.ones(index_A.size)


def test_the_cross_gramian_is_not_made_symmetric():
    recorder = Recorder()
    recorder.weights(np.ones(2), np.array([[1.0, 2.0], [-3.0, 4.0]]))
    np.testing.assert_allclose(recorder.seen / recorder.seen[0, 0], [[1, 2], [-3, 4]])
    assert np.linalg.norm(recorder.seen) == np.float64(np.sqrt(2))


def test_a_negative_diagonal_is_no_broken_task():
    weights = MoDo().weights(np.ones(2), np.array([[-1.0, 0.2], [0.1, 1.0]]))
    assert (weights > 0).all()
    assert MoDo.batches == 3
