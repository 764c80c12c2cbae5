from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import CoTraining
from cotrain.cotraining.rounds._co_training_loop import CoTrainingLoop


def test_a_run_cannot_be_changed_and_keeps_nothing_by_default(make_problem):
    run = make_problem().given(CoTraining())
    with pytest.raises(FrozenInstanceError):
        run.seed = 3
    assert run.cache.path("online") is None


def test_the_loop_needs_one_strategy(make_problem):
    with pytest.raises(InvalidArgumentError, match=r"cotraining.strategy is 'auto': the loop needs one"):
        CoTrainingLoop(make_problem().given(CoTraining("auto")))
