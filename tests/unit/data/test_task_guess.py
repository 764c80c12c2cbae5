import dataclasses

import pytest

from cotrain import tasks
from cotrain.data import TaskGuess


def test_a_guess_names_a_kind_and_its_arguments_and_does_not_change():
    guess = TaskGuess("mood", "Ordinal", "", 3, {"levels": ["low", "high"]})
    task = getattr(tasks, guess.kind)(guess.name, **guess.options)
    assert task.name == "mood"
    assert guess.beside == ()
    with pytest.raises(dataclasses.FrozenInstanceError):
        guess.kind = "Binary"


def test_guesses_do_not_share_their_options():
    assert TaskGuess("a", "Binary", "", 1).options is not TaskGuess("b", "Binary", "", 1).options
