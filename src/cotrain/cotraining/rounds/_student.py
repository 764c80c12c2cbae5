"""One network that has learned what the rounds found out."""

from __future__ import annotations

import math

from cotrain.cotraining._network_factory import NetworkFactory
from cotrain.cotraining._predictions import Prediction
from cotrain.cotraining.guards._round_choice import value_on
from cotrain.cotraining.peers import FittedNetwork
from cotrain.cotraining.rounds._pseudo_labels import with_pseudo_labels
from cotrain.cotraining.rounds._records import CoTrainingResult
from cotrain.cotraining.rounds._run import CoTrainingRun
from cotrain.tasks import Task
from cotrain.training import Examples, FitResult


def fit_student(
    run: CoTrainingRun, factory: NetworkFactory, start: FitResult, outcome: CoTrainingResult
) -> tuple[FitResult | None, dict[str, bool]]:
    """Fit one joint network to true labels and the chosen rounds' pseudo-labels.

    Args:
        run: what the rounds were of; without validation rows the student is kept for every task that has a
            chosen round.
        factory: makes the network.
        start: the supervised fit that it is compared with.
        outcome: of the rounds.

    Returns:
        the student's fit, `None` if there was nothing to learn; and task -> whether the student answers.
    """
    tasks, train, validation = list(run.tasks), run.examples, run.validation
    labels = {task: of_task for task, of_task in outcome.labels.items() if of_task.n_accepted}
    if not labels:
        return None, dict.fromkeys(outcome.chosen, False)
    peer = factory.network("initial weights")
    rows = with_pseudo_labels(train, tasks, labels)
    fitted = peer.fit(rows, validation, "student", run.cache, true=train.labelled().any(dim=1))
    if not isinstance(fitted, FittedNetwork):
        raise TypeError("the factory's network is not a network")
    kept = {task.name: outcome.chosen[task.name] > 0 for task in tasks}
    if validation is None:
        return fitted.result, kept
    before = FittedNetwork(tasks, fitted.model, start)
    answers = [one.predictions(validation.inputs) for one in (before, fitted)]
    for task in tasks:
        old, new = (_value(task, answer[task.name], validation) for answer in answers)
        kept[task.name] &= math.isnan(old) or new >= old
    return fitted.result, kept


def _value(task: Task, prediction: Prediction, rows: Examples) -> float:
    """Return the selecting metric, larger = better; NaN without any label."""
    value = value_on(task, prediction, rows)
    return value if task.chosen_metrics()[0].direction == "max" else -value
