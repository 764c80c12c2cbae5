"""A network after a fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from torch import Tensor

from cotrain.cotraining._predictions import Prediction, prediction_of_output
from cotrain.cotraining.peers._base import FittedPeer
from cotrain.cotraining.views._view import View
from cotrain.networks import MultiTaskNetwork
from cotrain.tasks import Task
from cotrain.training import FitResult, outputs_of


@final
class FittedNetwork(FittedPeer):
    """A network with the weights that a fit chose, for each task those of its epoch."""

    def __init__(
        self,
        tasks: Sequence[Task],
        model: MultiTaskNetwork,
        result: FitResult,
        view: View | None,
        updates: int,
    ) -> None:
        self.tasks = list(tasks)
        self.model = model
        self.result = result
        self.view = view
        self.updates = updates

    def predictions(self, inputs: Mapping[str, Tensor]) -> dict[str, Prediction]:
        """Return what the network's outputs say."""
        shown = dict(inputs) if self.view is None else self.view(inputs)
        found: dict[str, Prediction] = {}
        for number, weights in enumerate(self.result.weights):
            self.model.load_state_dict(weights)
            outputs = outputs_of(self.model, shown)
            found |= {
                task.name: prediction_of_output(task, outputs[task.name])
                for task in self.tasks
                if self.result.weights_of[task.name] == number
            }
        return found
