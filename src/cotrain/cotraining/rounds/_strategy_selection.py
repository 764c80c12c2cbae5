"""The strategies that the validation rows prefer, answering together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from cotrain._base import InvalidArgumentError
from cotrain.cotraining._predictions import Prediction
from cotrain.cotraining._settings import CoTraining
from cotrain.cotraining.guards._round_choice import ONE_SIGMA, value_on
from cotrain.cotraining.guards._teacher_assessment import LEAST_VALIDATION
from cotrain.cotraining.peers import OnlinePeer
from cotrain.cotraining.rounds._co_training_loop import CoTrainingLoop
from cotrain.cotraining.rounds._ensemble import StrategyEnsemble
from cotrain.cotraining.rounds._pseudo_labels import PseudoLabels
from cotrain.cotraining.rounds._records import CoTrainingResult
from cotrain.cotraining.rounds._run import CoTrainingRun
from cotrain.cotraining.selection import KBest
from cotrain.cotraining.strategies import (
    Committee,
    MeanTeacher,
    PeerFactory,
    SelfTraining,
    Strategy,
    TeacherStudent,
    TwoViewCoTraining,
)
from cotrain.evaluation import paired_bootstrap
from cotrain.tasks import Task
from cotrain.training import Examples

#: Most rows for which "auto" tries label spreading, which compares all rows with one another.
MOST_TO_SPREAD = 10_000


def candidates(settings: CoTraining, factory: PeerFactory, n_rows: int) -> list[Strategy]:
    """Return what "auto" tries.

    The first is what answers where validation rows are too few to choose: the strategy for views, if the user
    knows of such, else the robust default.
    """
    tried: list[Strategy] = [Committee(), SelfTraining(KBest(0.8), align=True), MeanTeacher()]
    if len(settings.views) >= 2:
        tried.insert(0, TwoViewCoTraining(list(settings.views)))
    if n_rows <= MOST_TO_SPREAD and any(task.coding != "number" for task in factory.tasks):
        tried.append(
            TeacherStudent(
                "estimators",
                classifier="sklearn.semi_supervised:LabelSpreading",
                options={"kernel": "knn", "n_neighbors": 7},
                transductive=True,
            )
        )
    return [one for one in tried if one.online is None or _can_go_on(one, factory)]


def _can_go_on(strategy: Strategy, factory: PeerFactory) -> bool:
    return all(isinstance(peer, OnlinePeer) for peer in strategy.peers(factory))


def run_rounds(run: CoTrainingRun) -> CoTrainingResult:
    """Run the loop with the strategy of the settings, or with each candidate, and keep the best.

    With "auto" each task is answered by all candidates whose validation value is within one standard error
    of the best one's, together: what the validation rows cannot tell apart is averaged, not drawn lots for.
    A task with fewer than 20 validation labels, which tell hardly anything apart, is answered by the first.

    Args:
        run: the data, the settings and the factory of peers.

    Raises:
        InvalidArgumentError: "auto" without validation rows.
    """
    if isinstance(run.settings.strategy, Strategy):
        return CoTrainingLoop(run).run()
    if run.validation is None:
        raise InvalidArgumentError(
            "cotraining.strategy is 'auto', which chooses by validation rows, and there are none: give "
            "validation rows, or name a strategy such as Committee."
        )
    outcomes = {}
    for number, strategy in enumerate(candidates(run.settings, run.factory, len(run.examples))):
        settings, cache = run.settings.with_strategy(strategy), run.cache.part(f"strategy-{number}")
        outcomes[type(strategy).__name__] = CoTrainingLoop(replace(run, settings=settings, cache=cache)).run()
    return together(run.tasks, outcomes, run.validation)


def together(
    tasks: Sequence[Task], outcomes: Mapping[str, CoTrainingResult], validation: Examples
) -> CoTrainingResult:
    """Return the outcome in which each task is answered by the best strategies on the validation rows.

    Args:
        tasks: the tasks.
        outcomes: name of a strategy -> what it left.
        validation: rows to choose on; a task with fewer than 20 labels there is answered by the first.
    """
    predictions = {name: outcome.predictions(validation.inputs) for name, outcome in outcomes.items()}
    best, kept = {}, {}
    for task in tasks:
        of_task = {name: prediction[task.name] for name, prediction in predictions.items()}
        best[task.name], kept[task.name] = _as_good_as_the_best(task, of_task, validation)
    first = outcomes[next(iter(outcomes))]
    fitted = [
        [
            StrategyEnsemble(
                outcome, [task.name for task in tasks if name in kept[task.name]], started=started
            )
            for name, outcome in outcomes.items()
        ]
        for started in (True, False)
    ]
    improved = {
        task: [name for name in names if outcomes[name].chosen[task] > 0] for task, names in kept.items()
    }
    return CoTrainingResult(
        records=[record for outcome in outcomes.values() for record in outcome.records],
        chosen={task: int(bool(names)) for task, names in improved.items()},
        stopped="; ".join(f"{name}: {outcome.stopped}" for name, outcome in outcomes.items()),
        verdicts={
            task: " and ".join(kept[task]) + (" together" if len(kept[task]) > 1 else "")
            if names
            else "supervised start: no strategy was better"
            for task, names in improved.items()
        },
        peers=list(outcomes),
        fitted=fitted,
        answering=list(range(len(outcomes))),
        labels={task: _labels(task, outcomes, best[task], names) for task, names in improved.items()},
        pool=first.pool,
    )


def _labels(
    task: str, outcomes: Mapping[str, CoTrainingResult], best: str, improved: Sequence[str]
) -> PseudoLabels:
    """Return the labels of the best strategy, or of the first that improved where the best did not."""
    name = best if best in improved or not improved else improved[0]
    return outcomes[name].labels[task]


def _as_good_as_the_best(
    task: Task, predictions: Mapping[str, Prediction], validation: Examples
) -> tuple[str, list[str]]:
    """Return the best strategy's name, and those within one standard error of it, itself included."""
    metric = task.chosen_metrics()[0]
    sign = 1.0 if metric.direction == "max" else -1.0
    values = {name: sign * value_on(task, prediction, validation) for name, prediction in predictions.items()}
    known = {name: value for name, value in values.items() if not math.isnan(value)}
    if not known or int((validation.masks[task.name] > 0).sum()) < LEAST_VALIDATION:
        first = next(iter(predictions))
        return first, [first]
    best = max(known, key=lambda name: known[name])
    targets = task.original(validation.targets[task.name]).double().numpy()
    mask = (validation.masks[task.name] > 0).numpy()
    scores: dict[str, np.ndarray] = {name: predictions[name].scores(task).double().numpy() for name in known}
    kept = []
    for name in known:
        gap = paired_bootstrap(
            metric,
            [scores[best]],
            [scores[name]],
            targets=targets,
            mask=mask,
            level=ONE_SIGMA,
            n_resamples=200,
        )
        if name == best or gap.value <= (gap.high - gap.low) / 2:
            kept.append(name)
    return best, kept
