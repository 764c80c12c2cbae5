import numpy as np
import polars as pl
import pytest
import torch

from cotrain._base._ragged import Ragged
from cotrain.evaluation._padded_scores import constant_beside, scores_of, truth_beside, truth_of
from cotrain.tasks import Binary, Tagging


@pytest.fixture(scope="module")
def tagging():
    task = Tagging("tags")
    frame = pl.DataFrame({"tags": [["X"], ["Y", None, "X"], None]})
    task.fit(frame)
    return task, truth_of(task, *task.encode(frame))


def test_rows_of_positions_are_padded_by_unlabelled_ones(tagging):
    _, (targets, mask) = tagging
    assert targets.shape == (3, 3)
    assert mask.tolist() == [[True, False, False], [True, False, True], [False] * 3]


@pytest.mark.parametrize("length", [1, 3, 5])
def test_truth_has_the_positions_of_the_scores(tagging, length):
    task, truth = tagging
    output = Ragged.from_rows([torch.zeros(length, 2), torch.zeros(1, 2), torch.zeros(1, 2)])
    scores = scores_of(task, output)
    targets, mask = truth_beside(task, truth, scores)
    assert targets.shape == mask.shape == scores.shape[:2] == (3, length)
    assert mask.sum() == (2 if length == 1 else 3)
    constant = constant_beside(task, torch.tensor([1.0, 0.0]), scores)
    assert constant.shape == scores.shape
    assert np.ptp(constant[..., 0]) == 0


def test_one_vector_a_row_is_left_as_it_is():
    task = Binary("y")
    frame = pl.DataFrame({"y": [True, None, False, True, False]})
    task.fit(frame)
    truth = truth_of(task, *task.encode(frame))
    scores = scores_of(task, torch.zeros(5, 1))
    assert all(a is b for a, b in zip(truth_beside(task, truth, scores), truth, strict=True))
    assert scores.tolist() == constant_beside(task, torch.zeros(1), scores).tolist() == [[0.5]] * 5
