import pytest
import torch

import cotrain as ct
from cotrain.data import Batches
from cotrain.learner._single_task import with_equal_steps


def steps(training, n_rows):
    batches = Batches({"x": torch.zeros(n_rows, 1)}, batch_size=training.budget(2000).batch_size, seed=0)
    return training.epochs * len(batches)


@pytest.mark.parametrize("n_rows", [1, 30, 250, 999, 2000])
@pytest.mark.parametrize("epochs", [1, 20])
def test_a_lone_fit_takes_the_steps_of_the_joint_one_within_half_an_epoch(n_rows, epochs):
    joint = ct.Training(epochs=epochs, batch_size=64)
    alone = with_equal_steps(joint, n_rows, 2000)
    per_epoch = steps(alone, n_rows) / alone.epochs
    assert abs(steps(alone, n_rows) - steps(joint, 2000)) <= max(1.0, 0.5 * per_epoch)
    assert joint.epochs == epochs


def test_patience_is_of_as_many_steps_and_none_stays_none():
    joint = ct.Training(epochs=10, batch_size=64, patience=3)
    assert with_equal_steps(joint, 128, 640).patience == 15
    assert with_equal_steps(ct.Training(patience=None), 128, 640).patience is None
    # A pooled network has more rows than the joint one.
    assert with_equal_steps(joint, 1280, 640).epochs == 5
