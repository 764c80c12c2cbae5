"""A network after a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from torch import Tensor

from cotrain.cotraining._predictions import Belief, belief_of_output
from cotrain.cotraining.peers._base import Fitted
from cotrain.cotraining.views._view import View
from cotrain.networks import MultiTaskModel
from cotrain.tasks import Task
from cotrain.training import FitResult, outputs_of


@final
class FittedNetwork(Fitted):
    """A network with the weights that a fit chose, for each task those of its epoch."""

    def __init__(
        self, tasks: Sequence[Task], model: MultiTaskModel, result: FitResult, view: View | None, updates: int
    ) -> None:
        self.tasks = list(tasks)
        self.model = model
        self.result = result
        self.view = view
        self.updates = updates

    def beliefs(self, inputs: Mapping[str, Tensor]) -> dict[str, Belief]:
        """Return what the network's outputs say."""
        shown = dict(inputs) if self.view is None else self.view(inputs)
        found: dict[str, Belief] = {}
        for number, weights in enumerate(self.result.weights):
            self.model.load_state_dict(weights)
            outputs = outputs_of(self.model, shown)
            found |= {
                task.name: belief_of_output(task, outputs[task.name])
                for task in self.tasks
                if self.result.weights_of[task.name] == number
            }
        return found
