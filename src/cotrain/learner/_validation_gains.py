"""What every search and comparison chooses by: gains over a constant on the validation rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cotrain.evaluation import relative_gain
from cotrain.evaluation._padded_scores import constant_beside, truth_beside, truth_of
from cotrain.learner._preprocessing import Preprocessor
from cotrain.training import Examples


def validation_gains(
    preprocessor: Preprocessor, held: Examples, scores: Mapping[str, np.ndarray]
) -> dict[str, float]:
    """Return task -> relative gain over a constant on the validation rows; NaN where it is undefined.

    Args:
        preprocessor: of the training rows, with the best constants.
        held: the validation rows.
        scores: task -> scores on them; tasks may be missing.
    """
    gains: dict[str, float] = {}
    for task in (task for task in preprocessor.tasks if task.name in scores):
        ours, metric = scores[task.name], task.chosen_metrics()[0]
        truth = truth_beside(task, truth_of(task, held.targets[task.name], held.masks[task.name]), ours)
        constant = constant_beside(task, preprocessor.constants[task.name], ours)
        value, reference = (
            metric.compute(one, *truth) if truth[1].any() else float("nan") for one in (ours, constant)
        )
        gains[task.name] = relative_gain(value, reference, metric)
    return gains


def validation_score(preprocessor: Preprocessor, held: Examples, scores: Mapping[str, np.ndarray]) -> float:
    """Return the mean of `validation_gains`; −∞ where no task has one."""
    known = [gain for gain in validation_gains(preprocessor, held, scores).values() if np.isfinite(gain)]
    return float(np.mean(known)) if known else float("-inf")
