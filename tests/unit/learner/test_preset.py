"""A preset is the arguments that it stands for, and nothing else."""

from __future__ import annotations

from typing import get_args

import pytest

import cotrain as ct
from cotrain._base import InvalidArgumentError
from cotrain.configuration import construct_class
from cotrain.learner import Learner
from cotrain.learner._preset import Preset
from cotrain.learner._single_task import single_task_learners

TASKS = [ct.tasks.Regression("a"), ct.tasks.Binary("b")]


@pytest.mark.parametrize(
    ("preset", "same"),
    [
        ("good", {}),
        ("fast", {"training": ct.Training(epochs="fast")}),
        ("best", {"answer": "auto", "ensemble": 3}),
    ],
)
def test_it_is_written_out(preset, same):
    learner = Learner(TASKS, preset=preset)
    assert learner.config() == Learner(TASKS, **same).config()
    again = construct_class(Learner, learner.config(), "")
    assert again.config() == learner.config()
    assert again.answer == learner.answer
    assert again.ensemble == learner.ensemble
    for single in single_task_learners(learner).values():
        alone = construct_class(Learner, single.config(), "")
        assert alone.answer is None
        assert alone.ensemble == learner.ensemble


#: What a user may say himself of each setting that some preset is about, both ends of what it can be.
GIVEN = {
    "training": [{"epochs": 7}, {"epochs": "fast"}],
    "answer": ["joint", "auto"],
    "ensemble": [1, 2, 5],
}


@pytest.mark.parametrize("preset", get_args(Preset))
def test_what_the_user_has_said_wins_over_what_a_preset_stands_for(preset):
    plain, filled = Learner(TASKS).config(), Learner(TASKS, preset=preset).config()
    changed = [key for key in filled if filled[key] != plain.get(key)]
    assert set(changed) <= set(GIVEN), "a preset sets what this test does not know of"
    tasks = {"tasks": plain["tasks"], "preset": preset}
    for key in GIVEN:
        for value in GIVEN[key]:
            learner = construct_class(Learner, {**tasks, key: value}, "")
            # A value that is the usual one is kept as well: the run that is made of it says so.
            assert learner.config()[key] == value
            others = [other for other in changed if other != key]
            assert {other: learner.config()[other] for other in others} == {o: filled[o] for o in others}


def test_no_preset_asks_for_what_co_training_refuses():
    learner = Learner(TASKS, preset="best", cotraining=ct.CoTraining(ct.cotraining.SelfTraining()))
    assert (learner.answer, learner.ensemble) == ("auto", None)


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
