"""Who answers for which task, in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cotrain.cli._output import status

if TYPE_CHECKING:
    from cotrain.learner import Learner


def tell_answers(learner: Learner) -> None:
    """Say who answers for which task, where it is not one joint network for all of them."""
    if learner.fitted.ensemble_sentence:
        status(learner.fitted.ensemble_sentence)
    if learner.fitted.answers.others:
        told = ", ".join(f"{task}: {title}" for task, title in learner.answers.items())
        status(f"Who answers: {told}.")
