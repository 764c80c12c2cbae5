"""Which rounds may answer for which tasks, and which one does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import final

from torch import Tensor

from cotrain._base import DataError
from cotrain.cotraining._predictions import Prediction
from cotrain.cotraining.guards._distribution_shift import drift, sampling_drift, starved
from cotrain.cotraining.peers import FittedPeer
from cotrain.evaluation import paired_bootstrap
from cotrain.tasks import Task
from cotrain.training import Examples

#: One standard error is half the width of this interval.
ONE_SIGMA = 0.6827


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
        """Return all reasons for which rounds of a task were refused."""
        return "; ".join(sorted(set(self._reasons[task.name].values())))


def value_on(task: Task, prediction: Prediction, rows: Examples) -> float:
    """Return the selecting metric of a prediction on rows; NaN without any label."""
    mask = (rows.masks[task.name] > 0).numpy()
    if not mask.any():
        return math.nan
    scores = prediction.scores(task).double().numpy()
    targets = task.original(rows.targets[task.name]).double().numpy()
    return task.chosen_metrics()[0].compute(scores, targets, mask)


def choose_round(
    task: Task, predictions: Sequence[Prediction], validation: Examples | None, refused: set[int]
) -> int:
    """Return the round whose peers shall answer for a task; 0 is the supervised start.

    The last round within one standard error of the best one, if its validation value is not below that of
    the start. Without any validation label the last round that was not refused.

    Args:
        task: the task.
        predictions: the answer of every round on the validation rows, the start's first; empty without any.
        validation: those rows.
        refused: rounds that other guards have refused.
    """
    allowed = [number for number in range(1, len(predictions)) if number not in refused]
    if not allowed:
        return 0
    if validation is None or not bool((validation.masks[task.name] > 0).any()):
        return allowed[-1]
    metric = task.chosen_metrics()[0]
    targets = task.original(validation.targets[task.name]).double().numpy()
    mask = (validation.masks[task.name] > 0).numpy()
    scores = [prediction.scores(task).double().numpy() for prediction in predictions]
    sign = 1.0 if metric.direction == "max" else -1.0
    values = [sign * metric.compute(score, targets, mask) for score in scores]
    best = max(allowed, key=lambda number: (values[number], number))
    if math.isnan(values[0]) or math.isnan(values[best]):
        return 0
    kept = best
    for number in allowed:
        if number > best:
            gap = paired_bootstrap(
                metric,
                [scores[best]],
                [scores[number]],
                targets=targets,
                mask=mask,
                level=ONE_SIGMA,
                n_resamples=100,
            )
            if gap.value <= (gap.high - gap.low) / 2:
                kept = number
    if values[kept] < values[0]:
        kept = best
    return kept if values[kept] >= values[0] else 0
