"""One network that has learned what the rounds found out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining._network_factory import NetworkFactory
from cotrain.cotraining._predictions import Prediction
from cotrain.cotraining._pseudo_labels import with_pseudo_labels
from cotrain.cotraining.guards._distribution_shift import value_on
from cotrain.cotraining.peers import FittedNetwork
from cotrain.cotraining.rounds._records import CoTrainingResult
from cotrain.tasks import Task
from cotrain.training import Examples, FitResult


def fit_student(
    factory: NetworkFactory,
    start: FitResult,
    outcome: CoTrainingResult,
    train: Examples,
    validation: Examples | None,
    cache: FitCache,
    tasks: Sequence[Task],
) -> tuple[FitResult | None, dict[str, bool]]:
    """Fit one joint network to true labels and the chosen rounds' pseudo-labels.

    Args:
        factory: makes the network.
        start: the supervised fit that it is compared with.
        outcome: of the rounds.
        train: training rows.
        validation: validation rows; `None`: the student is kept for every task that has a chosen round.
        cache: remembers finished fits.
        tasks: the tasks.

    Returns:
        the student's fit, `None` if there was nothing to learn; and task -> whether the student answers.
    """
    labels = {task: store_ for task, store_ in outcome.labels.items() if store_.n_accepted}
    if not labels:
        return None, dict.fromkeys(outcome.chosen, False)
    peer = factory.network("initial weights")
    rows = with_pseudo_labels(train, list(tasks), labels)
    fitted = peer.fit(rows, validation, "student", cache, train.labelled().any(dim=1))
    if not isinstance(fitted, FittedNetwork):
        raise TypeError("the kit's network is not a network")
    kept = {task.name: outcome.chosen[task.name] > 0 for task in tasks}
    if validation is None:
        return fitted.result, kept
    before = FittedNetwork(tasks, fitted.model, start, None, 0)
    answers = [one.predictions(validation.inputs) for one in (before, fitted)]
    for task in tasks:
        old, new = (_value(task, answer[task.name], validation) for answer in answers)
        kept[task.name] &= math.isnan(old) or new >= old
    return fitted.result, kept


def _value(task: Task, prediction: Prediction, rows: Examples) -> float:
    """Return the selecting metric, larger = better; NaN without any label."""
    value = value_on(task, prediction, rows)
    return value if task.chosen_metrics()[0].direction == "max" else -value
