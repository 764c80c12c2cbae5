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
from cotrain.training._best_weights import Weights


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

    Networks that went on from round to round saw many labellings, of which one is not enough to learn anew
    what they know: of such strategies the network of the chosen round is the student. (Masks of 64×64 pixels,
    40 labelled: .299 at the start, .323 after two rounds, and below the start when fitted anew.)

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
    fitted = _network_of_rounds(run, start, outcome)
    if fitted is None:
        peer = factory.network("initial weights")
        rows = with_pseudo_labels(train, peer.learned, labels)
        found = peer.fit(rows, validation, "student", run.cache, true=train.labelled().any(dim=1))
        if not isinstance(found, FittedNetwork):
            raise TypeError("the factory's network is not a network")
        fitted = found
    tasks = [task for task in tasks if task.name in fitted.result.weights_of]
    kept = {task: chosen > 0 for task, chosen in outcome.chosen.items()}
    if validation is None:
        return fitted.result, kept
    before = FittedNetwork(tasks, fitted.model, start)
    answers = [one.judged_on(validation) for one in (before, fitted)]
    for task in tasks:
        old, new = (_value(task, answer[task.name], validation) for answer in answers)
        kept[task.name] &= math.isnan(old) or new >= old
    return fitted.result, kept


def _network_of_rounds(
    run: CoTrainingRun, start: FitResult, outcome: CoTrainingResult
) -> FittedNetwork | None:
    """Return the network of the chosen rounds, of several for each task the best on validation rows.

    `None`: they did not go on from round to round, or are not of the learner's own form.
    """
    if not outcome.online:
        return None
    tasks = [task for task in run.tasks if outcome.chosen[task.name]]
    chosen: list[FittedNetwork] = []
    for task in tasks:
        candidates = [outcome.fitted[outcome.chosen[task.name]][number] for number in outcome.answering]
        own = [one for one in candidates if isinstance(one, FittedNetwork) and _is_own(one, start)]
        if len(own) < len(candidates):
            return None
        chosen.append(max(own, key=lambda one, task=task: _standing(task, one, run.validation)))
    if not chosen:
        return None
    weights: list[Weights] = []
    weights_of = {}
    for task, one in zip(tasks, chosen, strict=True):
        known = [number for number, other in enumerate(weights) if other is one.result.weights[0]]
        weights_of[task.name] = known[0] if known else len(weights)
        weights += [] if known else [one.result.weights[0]]
    result = FitResult(weights, weights_of, best_epoch={}, history=[], skipped={})
    return FittedNetwork(tasks, chosen[0].model, result)


def _is_own(one: FittedNetwork, start: FitResult) -> bool:
    """Say whether a network is one that the learner could have fitted."""
    forms = [{name: w.shape for name, w in of.weights[0].items()} for of in (one.result, start)]
    return one.view is None and forms[0] == forms[1]


def _standing(task: Task, one: FittedNetwork, validation: Examples | None) -> float:
    """Return by what a network is preferred for a task; without validation rows all are alike."""
    value = 0.0 if validation is None else _value(task, one.judged_on(validation)[task.name], validation)
    return -math.inf if math.isnan(value) else value


def _value(task: Task, prediction: Prediction, rows: Examples) -> float:
    """Return the selecting metric, larger = better; NaN without any label."""
    value = value_on(task, prediction, rows)
    return value if task.chosen_metrics()[0].direction == "max" else -value
