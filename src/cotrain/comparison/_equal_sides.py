"""The same number of steps and the same rule of selection for every side of a comparison."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from cotrain._base import CotrainError
from cotrain._base._ragged import Leaves
from cotrain.data import Schema
from cotrain.learner import Learner
from cotrain.learner._preprocessing import no_inputs
from cotrain.training import Training

#: Rows by which the kinds of input are told.
_FEW = 100


def with_equal_steps(
    training: Training, n_rows: int, joint_rows: int, inputs: Leaves | None = None
) -> Training:
    """Return settings by which a fit on some rows takes as many steps as a joint one on more rows.

    Epochs are passes over the rows with a label. Where the labels of K tasks are on rows of their own the
    joint network takes K times the steps of a lone one in as many epochs, and learns more by that alone: 8
    tasks of 250 labels that have nothing in common gave delta_m = +4.4 % and a false "helped". So

        epochs = round(E · ⌈joint_rows / B⌉ / ⌈n_rows / B⌉),     at least 1,

    and the patience grows alike.

    Args:
        training: of the joint fit, with E epochs of batches of B rows.
        n_rows: training rows of this fit, ≥ 1.
        joint_rows: training rows of the joint fit, ≥ 1.
        inputs: of some rows, by which "auto" tells sentences and pictures from tables; `None`: of a
            table.

    Example:
        >>> equal = with_equal_steps(Training(epochs=20, batch_size=256, patience=5), 250, 2000)
        >>> equal.epochs, equal.patience
        (160, 40)
    """
    joint = training.budget(joint_rows, inputs)
    factor = math.ceil(max(1, joint_rows) / joint.batch_size) / math.ceil(max(1, n_rows) / joint.batch_size)
    epochs, patience = max(1, round(joint.epochs * factor)), joint.patience
    if patience is not None:
        patience = max(1, math.ceil(patience * epochs / joint.epochs))
    equal = training.fixed(replace(joint, epochs=epochs, patience=patience))
    equal.select = training.select
    return equal


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
