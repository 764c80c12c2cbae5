"""The strategy that the validation rows prefer."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from cotrain._base import InvalidArgumentError
from cotrain.cotraining._loop import Loop
from cotrain.cotraining._records import Outcome, RoundRecord
from cotrain.cotraining._settings import CoTraining
from cotrain.cotraining._store import Store
from cotrain.cotraining.selection import KBest
from cotrain.cotraining.strategies import (
    CrossLabelling,
    Kit,
    LeaveOneOut,
    SelfTraining,
    Strategy,
    TeacherStudent,
)
from cotrain.evaluation import relative_gain
from cotrain.tasks import Task
from cotrain.training import Examples


def candidates(settings: CoTraining, n_tasks: int) -> list[Strategy]:
    """Return what "auto" tries: the robust default first, so that a tie is its."""
    tried: list[Strategy] = [LeaveOneOut(), SelfTraining(), SelfTraining(KBest(0.8), align=True)]
    if len(settings.views) >= 2:
        tried.append(CrossLabelling(list(settings.views)))
    if n_tasks > 1:
        tried.append(TeacherStudent())
    return tried


def run_rounds(
    tasks: Sequence[Task],
    examples: Examples,
    validation: Examples | None,
    settings: CoTraining,
    kit: Kit,
    *,
    seed: int = 0,
    store: Store | None = None,
    follow: Callable[[RoundRecord], None] | None = None,
) -> Outcome:
    """Run the loop with the strategy of the settings, or with each candidate, and keep the best.

    The best is that of the largest mean over the tasks of the relative gain over the best constant
    prediction, of what its guards chose, on the validation rows.

    Args:
        tasks: see `Loop`, as all that follow.
        examples: training rows.
        validation: validation rows; "auto" needs them.
        settings: of co-training.
        kit: makes the peers.
        seed: of the run.
        store: remembers finished fits.
        follow: gets the records of the rounds.

    Raises:
        InvalidArgumentError: "auto" without validation rows.
    """

    def loop(strategy: Strategy, store: Store | None) -> Outcome:
        return Loop(
            tasks, examples, validation, settings, strategy, kit, seed=seed, store=store, follow=follow
        ).run()

    if isinstance(settings.strategy, Strategy):
        return loop(settings.strategy, store)
    if validation is None:
        raise InvalidArgumentError(
            "cotraining.strategy is 'auto', which chooses by validation rows, and there are none: give "
            "validation rows, or name a strategy such as LeaveOneOut."
        )
    outcomes = [
        loop(strategy, store.part(f"strategy-{number}") if store is not None else None)
        for number, strategy in enumerate(candidates(settings, len(tasks)))
    ]
    scores = [_gain(tasks, outcome, examples, validation) for outcome in outcomes]
    return outcomes[int(np.argmax(scores))]


def _gain(tasks: Sequence[Task], outcome: Outcome, train: Examples, rows: Examples) -> float:
    gains = []
    beliefs = outcome.beliefs(rows.inputs)
    for task in tasks:
        mask = (rows.masks[task.name] > 0).numpy()
        if not mask.any():
            continue
        metric = task.chosen_metrics()[0]
        targets = task.original(rows.targets[task.name]).double().numpy()
        constant = task.reference_output(train.targets[task.name], train.masks[task.name])
        reference = task.scores(constant.expand(len(rows), -1)).double().numpy()
        value = metric.compute(beliefs[task.name].scores(task).double().numpy(), targets, mask)
        gain = relative_gain(value, metric.compute(reference, targets, mask), metric)
        gains.append(0.0 if math.isnan(gain) else gain)
    return float(np.mean(gains)) if gains else 0.0
