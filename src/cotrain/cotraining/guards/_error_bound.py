"""How many pseudo-labels two teachers may give a third peer before their errors do harm."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from cotrain._base import numpy_generator
from cotrain.cotraining._entries import known_entries
from cotrain.cotraining._predictions import Prediction, class_targets
from cotrain.tasks import Task
from cotrain.training import Examples


def allowed_labels(error: float, before: float, n_labels: int, n_before: int) -> tuple[int, int]:
    """Return how many labels of a round may be used, and the number that they are held against.

    With e the teachers' error and l the number of their labels, a round t is better than the one before if

        0 < e_t / e_{t-1} < l_{t-1} / l_t < 1,

    that is, if there are more labels and yet fewer wrong ones, e_t l_t < e_{t-1} l_{t-1}. Where e_t fell but
    l_t has grown too much, as many are taken as keep the inequality, ⌈e_{t-1} l_{t-1} / e_t − 1⌉.

    Args:
        error: e_t, in [0, 1].
        before: e_{t-1}; ½ before the first round.
        n_labels: l_t, what the teachers offer.
        n_before: l_{t-1}; 0 before the first round, for which ⌊e_t / (e_{t-1} − e_t) + 1⌋ stands in.

    Source: Zhou & Li, "Tri-Training: Exploiting Unlabeled Data Using Three Classifiers", 2005, table 1,
    https://doi.org/10.1109/TKDE.2005.186.

    Example:
        >>> allowed_labels(0.1, 0.2, 100, 60), allowed_labels(0.1, 0.2, 200, 60)
        ((100, 60), (119, 60))
        >>> allowed_labels(0.3, 0.2, 9, 5)
        (0, 5)
    """
    if not error < before:
        return 0, n_before
    least = error / (before - error)
    n_before = n_before or math.floor(least + 1)
    if not n_before < n_labels:
        return 0, n_before
    if error * n_labels < before * n_before:
        return n_labels, n_before
    if n_before > least:
        return math.ceil(before * n_before / error - 1), n_before
    return 0, n_before


def joint_error(task: Task, predictions: Sequence[Prediction], examples: Examples) -> float:
    """Return the share of wrong ones among the true labels on which both teachers say the same; ½ if none."""
    known = known_entries(task, examples.masks[task.name])
    first, second = (prediction.classes() for prediction in predictions)
    alike = known & (first == second)
    wrong = first != class_targets(task, examples.targets[task.name])
    (one, other), texts = [prediction.heard for prediction in predictions], examples.targets[task.name]
    if one is not None and other is not None and isinstance(texts, Tensor):
        alike, wrong = known & one.right(other.texts), ~one.right(texts)
    if not bool(alike.any()):
        return 0.5
    wrong = alike & wrong
    return int(wrong.sum()) / int(alike.sum())


@final
class ErrorBounds:
    """Remembers each pair of teachers' last error and number of labels, and cuts the next round to size.

    Args:
        examples: training rows with the true labels, on which the teachers' error is measured.
        seed: names the stream that draws the labels that stay.
    """

    def __init__(self, examples: Examples, seed: int = 0) -> None:
        self.examples = examples
        self.seed = seed
        self.before: dict[tuple[str, ...], tuple[float, int]] = {}

    def limit(
        self,
        task: Task,
        predictions: Sequence[Prediction],
        names: Sequence[str],
        *,
        accepted: Tensor,
        round_: int,
    ) -> Tensor:
        """Return which accepted labels may be used, bool [N, T]; all if there are not exactly two teachers.

        Args:
            task: the task; numbers have no such error and keep all their labels.
            predictions: of the teachers, on all N rows.
            names: of the teachers.
            accepted: [N, T] bool: what was chosen.
            round_: number of the round.
        """
        if len(predictions) != 2 or not task.has_classes:
            return accepted
        key = (task.name, *names)
        error = joint_error(task, predictions, self.examples)
        before, n_before = self.before.get(key, (0.5, 0))
        allowed, n_before = allowed_labels(error, before, int(accepted.sum()), n_before)
        self.before[key] = (error, allowed) if allowed else (before, n_before)
        cells = torch.nonzero(accepted)
        order = numpy_generator(self.seed, "error bound", *key, round_).permutation(len(cells))
        kept = cells[torch.from_numpy(order)[:allowed]]
        limited = torch.zeros_like(accepted)
        limited[kept[:, 0], kept[:, 1]] = True
        return limited
