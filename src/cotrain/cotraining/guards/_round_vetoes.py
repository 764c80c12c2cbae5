"""Which rounds may not answer for which tasks, and why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from torch import Tensor

from cotrain._base import DataError
from cotrain.cotraining.guards._distribution_shift import drift, sampling_drift, starved
from cotrain.cotraining.peers import FittedPeer
from cotrain.tasks import Task
from cotrain.training import Examples


@final
class RoundVetoes:
    """Refuses rounds by what can be seen without validation labels.

    Args:
        tasks: the tasks.
        examples: training rows with the true labels.
        priors: task -> shares of the classes among the true labels [T, C].
        max_drift: how far the class shares may move, see `CoTraining`.
    """

    def __init__(
        self, tasks: Sequence[Task], examples: Examples, priors: Mapping[str, Tensor], max_drift: float
    ) -> None:
        self.examples = examples
        self.priors = priors
        self.max_drift = max_drift
        self._reasons: dict[str, dict[int, str]] = {task.name: {} for task in tasks}

    def expect_answers(self, start: Sequence[FittedPeer]) -> None:
        """Refuse to begin where a peer that answers could not learn a task.

        Args:
            start: the peers that answer, after their supervised fit.

        Raises:
            DataError: it could not.
        """
        for fitted in start:
            for task, reason in fitted.failures.items():
                n_labels = int((self.examples.masks[task] > 0).any(dim=1).sum())
                raise DataError(
                    f"Task {task!r} cannot be learned from its {n_labels} labelled rows: {reason}. Mend the "
                    "inputs or labels, take another estimator, or leave the task out."
                )

    def failed(self, fitted: Sequence[FittedPeer], round_: int) -> None:
        """Refuse a round for the tasks that a peer which answers could not learn in it."""
        for one in fitted:
            for task, reason in one.failures.items():
                self._reasons[task][round_] = reason

    def collapsed(self, start: Mapping[str, Tensor], now: Mapping[str, Tensor], round_: int) -> None:
        """Refuse a round whose predictions have left the labelled class shares farther than the start's.

        Args:
            start: task -> class shares [T, C] of the supervised start's answers on the unlabelled cells.
            now: the same of the round.
            round_: its number.
        """
        for task, shares in now.items():
            prior = self.priors[task]
            n_labels = int((self.examples.masks[task] > 0).sum(dim=0).max())
            bound = max(drift(start[task], prior), sampling_drift(prior, n_labels)) + self.max_drift
            if drift(shares, prior) > bound or starved(shares, start[task], prior):
                self._reasons[task].setdefault(round_, "its predictions left the labelled class shares")

    def rounds(self, task: Task) -> set[int]:
        """Return the rounds that may not answer for a task."""
        return set(self._reasons[task.name])

    def reason(self, task: Task, round_: int) -> str:
        """Return why a round may not answer for a task; "" if it may."""
        return self._reasons[task.name].get(round_, "")

    def reasons(self, task: Task) -> str:
        """Return all that was said of a task's rounds."""
        return "; ".join(sorted(set(self._reasons[task.name].values())))
