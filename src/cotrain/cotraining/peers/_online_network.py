"""A network under way, whose labels change from pass to pass."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

from torch import Tensor

from cotrain.cotraining._entries import as_float, as_wide
from cotrain.cotraining._predictions import Prediction, prediction_of_output
from cotrain.cotraining.peers._base import FittedPeer, OnlineModel
from cotrain.cotraining.views._view import View
from cotrain.tasks import Task
from cotrain.training import Examples, Fit
from cotrain.training._best_weights import Weights, copy_weights
from cotrain.training._predict import outputs_of


@final
class OnlineNetwork(OnlineModel):
    """Learns pass by pass, and says in between what the average of its weights believes.

    Args:
        tasks: its tasks.
        fit: over all rows, those with true labels repeated.
        rows: for each row of the fit the row of the examples.
        view: what it sees; `None`: everything.
        before: optimiser steps that its weights had behind them at the start.
        fitted: makes the peer of a snapshot from its weights and its number of steps.
        learned: see `Peer`.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        fit: Fit,
        rows: Tensor,
        *,
        view: View | None,
        before: int,
        fitted: Callable[[Weights, int], FittedPeer],
        learned: Sequence[Task] | None = None,
    ) -> None:
        self.tasks = list(tasks)
        self.learned = self.tasks if learned is None else list(learned)
        self.fit = fit
        self.rows = rows
        self.view = view
        self.before = before
        self._fitted = fitted
        self.n_passes = fit.budget.epochs
        self._count()

    def predictions(self, inputs: Mapping[str, Tensor]) -> dict[str, Prediction]:
        """Return what the averaged weights say now."""
        shown = dict(inputs) if self.view is None else self.view(inputs)
        outputs = outputs_of(self.fit.kept_model, shown, tasks=[task.name for task in self.tasks])
        return {task.name: prediction_of_output(task, outputs[task.name]) for task in self.tasks}

    def learn(self, examples: Examples) -> None:
        """Learn for one pass from true labels and pseudo-labels.

        Args:
            examples: the N rows; only their targets and masks are looked at.
        """
        names = [task.name for task in self.learned]
        targets = {
            name: as_wide(examples.targets[name][self.rows], self.fit.train.targets[name]) for name in names
        }
        masks = {name: as_float(examples.masks[name])[self.rows] for name in names}
        self.fit.relabel(targets, masks)
        self.fit.run_epoch()
        self._count()

    def snapshot(self) -> dict[str, Any]:
        """Return the averaged weights and the number of steps."""
        return {"weights": copy_weights(self.fit.kept_model), "updates": self.updates}

    def fitted(self, snapshot: Mapping[str, Any]) -> FittedPeer:
        """Return the network of a snapshot."""
        return self._fitted(snapshot["weights"], snapshot["updates"])

    def state_dict(self) -> dict[str, Any]:
        """Return the state of the fit."""
        return self.fit.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""
        self.fit.load_state_dict(state)
        self._count()

    def _count(self) -> None:
        self.passes = self.fit.epoch
        self.updates = self.before + self.fit.epoch * self.fit.steps_per_epoch
