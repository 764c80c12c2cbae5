"""The strategies that held-out labels prefer, answering together."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from itertools import combinations

import numpy as np
import torch

from cotrain.cotraining._entries import metric_arrays
from cotrain.cotraining.guards._held_out import LEAST_VALIDATION, HeldOut, Holdout
from cotrain.cotraining.guards._round_choice import ONE_SIGMA, margin_of, value_on
from cotrain.cotraining.guards._view_check import ViewCheck
from cotrain.cotraining.peers import OnlinePeer
from cotrain.cotraining.rounds._co_training_loop import CoTrainingLoop
from cotrain.cotraining.rounds._ensemble import StrategyEnsemble
from cotrain.cotraining.rounds._pseudo_labels import PseudoLabels
from cotrain.cotraining.rounds._records import CoTrainingResult, RoundRecord
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

#: What the verdict begins with where no round answers.
START = "supervised start: "
#: Most rows for which "auto" tries label spreading, which compares all rows with one another.
MOST_TO_SPREAD = 10_000


def candidates(run: CoTrainingRun) -> list[Strategy]:
    """Return what "auto" tries.

    The first is what answers where held-out labels are too few to choose: the strategy for views, if the user
    knows of such and nothing is seen to speak against them, else the robust default.
    """
    settings, factory = run.settings, run.factory
    tried: list[Strategy] = [Committee(), SelfTraining(KBest(0.8), align=True), MeanTeacher()]
    # What is heard is heard in one column, and no view of others hears it.
    heard = any(task.hypothesis_labelling() is not None for task in factory.tasks)
    if len(settings.views) >= 2 and not heard:
        views = TwoViewCoTraining(list(settings.views))
        fit, _ = strategy_for_views(run, views, tried[0])
        tried.insert(0 if fit is views else 1, views)
    of_rows = all(task.reads == "vector" for task in factory.tasks)
    if of_rows and len(run.examples) <= MOST_TO_SPREAD and any(task.has_classes for task in factory.tasks):
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


def strategy_for_views(
    run: CoTrainingRun, views: TwoViewCoTraining, otherwise: Strategy
) -> tuple[Strategy, str]:
    """Return the strategy of two views if they are such as it wants, else another, and what is against them.

    Each view is fitted on folds of the labels, as for the calibration. With fewer labels than `min_labels`
    nothing can be seen, and the views are taken: no round is believed then anyway.

    Args:
        run: the data and the factory.
        views: what is to be checked.
        otherwise: the strategy where a check fails.
    """
    peers = views.peers(run.factory)
    holdout = Holdout(run.examples, None, run.settings, seed=run.seed, cache=run.cache.part("views"))
    predictions = [holdout.cross_fitted(peer, f"view-{number}") for number, peer in enumerate(peers)]
    pool = ~run.examples.labelled().any(dim=1)
    rows = run.examples.take(torch.nonzero(pool).flatten())
    on_pool = [
        peer.fit(run.examples, None, f"view-{number}", run.cache.part("views")).predictions(rows.inputs)
        for number, peer in enumerate(peers)
    ]
    for task in run.tasks:
        held = [HeldOut.of(task, [one[task.name]], run.examples) for one in predictions]
        if held[0].objection(task, run.settings.min_labels or 2):
            continue
        for i, j in combinations(range(len(peers)), 2):
            both = (on_pool[i][task.name], on_pool[j][task.name]) if len(rows) else None
            against = ViewCheck(task, held[i], held[j], both).objection([peers[i].name, peers[j].name])
            if against:
                return otherwise, f"{type(otherwise).__name__} instead of two views: {against}"
    return views, ""


def run_rounds(run: CoTrainingRun) -> CoTrainingResult:
    """Run the loop with the strategy of the settings, or with each candidate, and keep the best.

    With "auto" each candidate is held against the first one's supervised start, on validation rows and, where
    these are few, on folds of the training labels. A task is answered by all those together that are better
    than that start by `margin` standard errors and within one standard error of the best by the task's
    metric: what held-out labels cannot tell apart is averaged, not drawn lots for. If there is none, the
    answer is not to co-train. A task with fewer than 20 held-out labels, which tell hardly anything apart, is
    answered by the first.

    Args:
        run: the data, the settings and the factory of peers.
    """
    if isinstance(run.settings.strategy, Strategy):
        return CoTrainingLoop(run).run()
    outcomes = {}
    for number, strategy in enumerate(candidates(run)):
        settings, cache = run.settings.with_strategy(strategy), run.cache.part(f"strategy-{number}")
        name, hear = type(strategy).__name__, run.callback
        told = None if hear is None else partial(_tell_of, hear, name)
        one = replace(run, settings=settings, cache=cache, callback=told, always_judged=True)
        outcomes[name] = CoTrainingLoop(one).run()
    return together(run.tasks, outcomes, run.settings.margin)


def _tell_of(hear: Callable[[RoundRecord], None], strategy: str, record: RoundRecord) -> None:
    hear(replace(record, strategy=strategy))


def together(
    tasks: Sequence[Task], outcomes: Mapping[str, CoTrainingResult], margin: float = 0.0
) -> CoTrainingResult:
    """Return the outcome in which each task is answered by the best strategies on held-out labels.

    Args:
        tasks: the tasks.
        outcomes: name of a strategy -> what it left.
        margin: standard errors by which a strategy must be better than the first one's start; 0: any may
            answer.
    """
    best, kept = {}, {}
    for task in tasks:
        best[task.name], kept[task.name] = _as_good_as_the_best(task, outcomes, margin)
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
        task: [name for name in names if best[task] and outcomes[name].chosen[task] > 0]
        for task, names in kept.items()
    }
    return CoTrainingResult(
        records=[
            replace(record, strategy=name) for name, outcome in outcomes.items() for record in outcome.records
        ],
        chosen={task: int(bool(names)) for task, names in improved.items()},
        stopped="; ".join(f"{name}: {outcome.stopped}" for name, outcome in outcomes.items()),
        verdicts={
            task: _verdict(task, outcomes, kept[task] if names else []) for task, names in improved.items()
        },
        peers=list(outcomes),
        fitted=fitted,
        answering=list(range(len(outcomes))),
        labels={task: _labels(task, outcomes, best[task], names) for task, names in improved.items()},
        pool=first.pool,
        held_out=first.held_out,
        unlike=first.unlike,
    )


def _verdict(task: str, outcomes: Mapping[str, CoTrainingResult], answering: Sequence[str]) -> str:
    """Return which strategies answer for a task, on how many labels, or why none does."""
    n_labels = next(iter(outcomes.values())).held_out[task].n_labels
    if answering:
        found = " and ".join(answering) + (" together" if len(answering) > 1 else "")
        return f"{found}, on {n_labels} held-out labels"
    # What kept every strategy's own start is more than that none was better: it may not have been asked.
    why = {name: one.verdicts[task].removeprefix(START) for name, one in outcomes.items()}
    if any(one.chosen[task] for one in outcomes.values()):
        return f"{START}no strategy was better, on {n_labels} held-out labels"
    said = [f"{name}: {reason}" for name, reason in why.items()]
    return START + (next(iter(why.values())) if len(set(why.values())) == 1 else "; ".join(said))


def _labels(
    task: str, outcomes: Mapping[str, CoTrainingResult], best: str, improved: Sequence[str]
) -> PseudoLabels:
    """Return the labels of the best strategy, or of the first that improved where the best did not."""
    if not improved:
        return PseudoLabels.none(next(iter(outcomes.values())).labels[task].values)
    return outcomes[best if best in improved else improved[0]].labels[task]


def _as_good_as_the_best(
    task: Task, outcomes: Mapping[str, CoTrainingResult], margin: float
) -> tuple[str, list[str]]:
    """Return the best strategy's name, and those within one standard error of it, itself included.

    The name is empty, and the first one's start answers, where none is better than that start by the margin.
    """
    first = next(iter(outcomes))
    held = outcomes[first].held_out[task.name]
    if held.n_labels < LEAST_VALIDATION:
        return first, [first]
    answers = {
        name: outcome.held_out[task.name].predictions[
            min(outcome.chosen[task.name], len(outcome.held_out[task.name].predictions) - 1)
        ]
        for name, outcome in outcomes.items()
    }
    metric, rows = task.chosen_metrics()[0], held.examples(task)
    sign = 1.0 if metric.direction == "max" else -1.0
    start = sign * value_on(task, held.predictions[0], rows)
    known = {
        name: value
        for name, answer in answers.items()
        if not math.isnan(value := sign * value_on(task, answer, rows))
        and (not margin or (value >= start and held.gain(task, answer).exceeds(margin_of(task, margin))))
    }
    if not known:
        return "", [first]
    best = max(known, key=lambda name: known[name])
    targets, mask = metric_arrays(task, held.targets, held.mask)
    scores: dict[str, np.ndarray] = {name: answers[name].scores(task).double().numpy() for name in known}
    kept = []
    for name in known:
        gap = paired_bootstrap(
            metric,
            [scores[best]],
            [scores[name]],
            targets=targets,
            mask=mask,
            groups=held.groups,
            level=ONE_SIGMA,
            n_resamples=200,
        )
        if name == best or gap.value <= (gap.high - gap.low) / 2:
            kept.append(name)
    return best, kept
