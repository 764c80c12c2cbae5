"""The same rule of selection for every side of a comparison, and what its steps are counted by."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import polars as pl

from cotrain._base import CotrainError
from cotrain._base._ragged import Leaves
from cotrain.data import Schema
from cotrain.learner import Learner
from cotrain.learner._preprocessing import no_inputs

#: Rows by which the kinds of input are told.
_FEW = 100


def some_inputs(learner: Learner, frame: pl.DataFrame, left_out: Sequence[str] = ()) -> Leaves | None:
    """Return the inputs of a few training rows, coded as a fit would; `None` where that cannot be told yet.

    Args:
        learner: of the joint fit.
        frame: its training rows.
        left_out: columns that are neither inputs nor targets.
    """
    targets = no_inputs(learner.tasks, learner.columns)
    some = frame.head(_FEW)
    try:
        schema = Schema.infer(some, exclude=[*targets, *left_out], overrides=learner.columns, ask=False)
        return schema.fit(some).encode(some)
    except CotrainError:
        # Whatever is wrong with the table is told by the fit, in its own words.
        return None


def with_own_epochs(learner: Learner) -> Learner:
    """Return a learner that keeps each task's own best epoch, as a lone network does.

    One epoch for all tasks against the best one of each would be called "hurt" for the rule's sake. A fit
    that keeps the last epoch keeps it on both sides.

    Example:
        >>> from cotrain.tasks import Regression
        >>> with_own_epochs(Learner([Regression("price")])).training.select
        'per_task'
    """
    equal = copy.deepcopy(learner)
    if equal.training.select in ("auto", "combined"):
        equal.training.select = "per_task"
    return equal
