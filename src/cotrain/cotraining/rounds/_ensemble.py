"""What a whole strategy believes, as if it were one peer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import final

from torch import Tensor

from cotrain.cotraining._predictions import Prediction
from cotrain.cotraining.peers import FittedPeer
from cotrain.cotraining.rounds._records import CoTrainingResult


@final
class StrategyEnsemble(FittedPeer):
    """Answers as an outcome does, for some of its tasks.

    Args:
        outcome: of a strategy.
        tasks: for which it answers.
        started: whether the supervised start answers instead of the chosen rounds.
    """

    def __init__(self, outcome: CoTrainingResult, tasks: Sequence[str], *, started: bool) -> None:
        chosen = {task: 0 if started else outcome.chosen[task] for task in tasks}
        self.outcome = replace(outcome, chosen=chosen).for_answers()
        self.updates = outcome.updates

    def predictions(self, inputs: Mapping[str, Tensor]) -> dict[str, Prediction]:
        """Return the joint answer for its tasks."""
        return self.outcome.predictions(inputs)

    def in_double(self) -> None:
        """Ask every peer that answers in float64 from now on."""
        self.outcome.in_double()
