"""All that one run of co-training is about: what is taken out before its rounds, and what learns of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import final

from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining._network_factory import NetworkFactory
from cotrain.cotraining._predictions import Prediction
from cotrain.cotraining._settings import CoTraining
from cotrain.cotraining.guards._held_out import Holdout
from cotrain.cotraining.guards._label_noise import without_issues
from cotrain.cotraining.guards._round_choice import value_on
from cotrain.cotraining.peers import FittedNetwork
from cotrain.cotraining.rounds._pseudo_labels import with_pseudo_labels
from cotrain.cotraining.rounds._records import CoTrainingResult, RoundRecord
from cotrain.cotraining.strategies import PeerFactory
from cotrain.tasks import Task
from cotrain.training import Examples, FitResult


@final
@dataclass(frozen=True, kw_only=True)
class CoTrainingRun:
    """The data, the settings, and who makes, keeps and hears of the fits.

    Args:
        tasks: fitted tasks that are co-trained.
        examples: N training rows; a row without any label is part of the unlabelled pool, and so is every
            unlabelled cell of a labelled row. They are read and never written to.
        validation: rows to choose rounds on; they get no pseudo-labels, nor do training rows with the very
            same inputs. `None`: there are none.
        settings: rounds, guards, weights, and the strategy, or "auto".
        factory: makes the peers.
        seed: names every random stream.
        cache: remembers finished fits.
        callback: gets the record of every round when it ends.
        truth: all the training rows' labels, to measure the accuracy of what was accepted; never used for
            anything else.
        always_judged: whether the start is cross-fitted too where no round could answer, so that strategies
            can be compared.
    """

    tasks: Sequence[Task]
    examples: Examples
    validation: Examples | None
    settings: CoTraining
    factory: PeerFactory
    seed: int = 0
    cache: FitCache = field(default_factory=FitCache)
    callback: Callable[[RoundRecord], None] | None = None
    truth: Examples | None = None
    always_judged: bool = False


def cleaned(run: CoTrainingRun) -> tuple[CoTrainingRun, dict[str, int]]:
    """Return the run without the training labels that confident learning doubts, and how many these are.

    What doubts is one network (or estimator) for all tasks, cross-fitted on the training labels, so that no
    label has a say about itself. Validation labels stay as they are: they are what all is judged by. With
    `label_noise="keep"` the run is the same.

    Args:
        run: what the rounds will be of.

    Returns:
        the run, and task -> number of labels that count as missing in it; empty where nothing was looked for.
    """
    if run.settings.label_noise == "keep":
        return run, {}
    holdout = Holdout(run.examples, None, run.settings, seed=run.seed, cache=run.cache.part("label-noise"))
    predictions = holdout.cross_fitted(run.factory.network("label noise"), "label-noise")
    examples, counts = without_issues(run.tasks, run.examples, predictions)
    return replace(run, examples=examples), counts


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
    rows = with_pseudo_labels(train, peer.learned, labels)
    fitted = peer.fit(rows, validation, "student", run.cache, true=train.labelled().any(dim=1))
    if not isinstance(fitted, FittedNetwork):
        raise TypeError("the factory's network is not a network")
    kept = {task.name: outcome.chosen[task.name] > 0 for task in tasks}
    if validation is None:
        return fitted.result, kept
    before = FittedNetwork(tasks, fitted.model, start)
    answers = [one.judged_on(validation) for one in (before, fitted)]
    for task in tasks:
        old, new = (_value(task, answer[task.name], validation) for answer in answers)
        kept[task.name] &= math.isnan(old) or new >= old
    return fitted.result, kept


def _value(task: Task, prediction: Prediction, rows: Examples) -> float:
    """Return the selecting metric, larger = better; NaN without any label."""
    value = value_on(task, prediction, rows)
    return value if task.chosen_metrics()[0].direction == "max" else -value
