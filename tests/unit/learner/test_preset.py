"""A preset is the arguments that it stands for, and nothing else."""

from __future__ import annotations

import pytest

import cotrain as ct
from cotrain._base import InvalidArgumentError
from cotrain.configuration import construct_class
from cotrain.learner import Learner
from cotrain.learner._single_task import single_task_learners

TASKS = [ct.tasks.Regression("a"), ct.tasks.Binary("b")]


@pytest.mark.parametrize(
    ("preset", "same"),
    [
        ("good", {}),
        ("fast", {"training": ct.Training(epochs="fast")}),
        ("best", {"answer": "auto"}),
    ],
)
def test_it_is_written_out(preset, same):
    learner = Learner(TASKS, preset=preset)
    assert learner.config() == Learner(TASKS, **same).config()
    again = construct_class(Learner, learner.config(), "")
    assert again.config() == learner.config()
    assert again.answer == learner.answer
    assert all(single.answer == "joint" for single in single_task_learners(learner).values())
    assert all(
        construct_class(Learner, single.config(), "").answer == "joint"
        for single in single_task_learners(learner).values()
    )


def test_epochs_of_the_users_own_stay():
    given = ct.Training(epochs=7)
    assert Learner(TASKS, preset="fast", training=given).training.epochs == 7
    free = ct.Training()
    assert Learner(TASKS, preset="fast", training=free).training.epochs == "fast"
    assert free.epochs == "auto"


@pytest.mark.parametrize("rows", [1, 30, 500, 3000, 100_000])
def test_fast_is_a_quarter_of_the_usual_epochs(rows):
    usual, fast = (ct.Training(epochs=epochs).budget(rows) for epochs in ("auto", "fast"))
    assert fast.epochs == -(-usual.epochs // 4)
    assert fast.batch_size == usual.batch_size
    assert fast.patience >= 1


def test_another_word_is_refused():
    with pytest.raises(InvalidArgumentError, match="did you mean 'best'"):
        Learner(TASKS, preset="bset")


def test_a_limit_of_time_and_co_training_are_refused_together():
    training, settings = ct.Training(time_limit="10m"), ct.CoTraining(ct.cotraining.SelfTraining())
    with pytest.raises(InvalidArgumentError, match="rounds of co-training"):
        Learner(TASKS, training=training, cotraining=settings)
