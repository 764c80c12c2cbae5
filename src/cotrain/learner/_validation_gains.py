"""What every search and comparison chooses by: gains over a constant on the validation rows."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cotrain.evaluation import evaluate_scores, relative_gain
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
        truth = (held.targets[task.name], held.masks[task.name])
        constant = task.constant_scores(preprocessor.constants[task.name], len(held)).double().numpy()
        value, reference = (
            evaluate_scores(task, one, *truth)[0].value for one in (scores[task.name], constant)
        )
        gains[task.name] = relative_gain(value, reference, task.chosen_metrics()[0])
    return gains


def validation_score(preprocessor: Preprocessor, held: Examples, scores: Mapping[str, np.ndarray]) -> float:
    """Return the mean of `validation_gains`; −∞ where no task has one."""
    known = [gain for gain in validation_gains(preprocessor, held, scores).values() if np.isfinite(gain)]
    return float(np.mean(known)) if known else float("-inf")
