"""Everything that co-training can be told, in one place."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from typing import Literal, final

from cotrain._base import InvalidArgumentError, check_whole
from cotrain.cotraining.calibration import Calibrator, Temperature
from cotrain.cotraining.strategies import Committee, Strategy


@final
class CoTraining:
    """How the tasks label for one another: who teaches whom, how often, and what is guarded.

    In each round the peers of the strategy predict the unlabelled cells, the surest predictions become
    pseudo-labels with a weight, and fresh peers learn from true labels and pseudo-labels together. All
    pseudo-labels are decided anew each round. A task for which this made the validation worse gets its
    supervised start back.

    The class bears the name of the whole thing, as in `Learner(cotraining=CoTraining(max_rounds=5))`. The
    strategy of two views that label for each other, which the literature also calls co-training, is
    `TwoViewCoTraining`.

    Args:
        strategy: who teaches whom, and what is accepted; default `Committee()`. "auto" tries several and
            keeps the best on the validation rows.
        max_rounds: rounds at most, ≥ 1.
        calibration: how confidences are corrected on held-out labels; default `Temperature()`.
        pseudo_weight: weight of a pseudo-label of confidence 1 beside a true label, in (0, 1].
        by_confidence: whether the weight falls with the confidence.
        logit_adjustment: how far rare classes are favoured where the class of a pseudo-label is chosen, τ in
            [0, 2]: the labelled class shares to the power of τ are divided out of the teachers' beliefs.
            0: not at all; 1: as if all classes were equally frequent. Numbers are left as they are.
        max_drift: how far the class shares may move away from those of the true labels, as half the sum
            of the absolute differences, beyond what the small number of labels explains, in (0, 1]; a
            round that moves them farther is refused for that task.
        patience: rounds without a better validation value of any task before it stops, ≥ 1.
        updates: optimiser steps of every fit, the supervised start included, ≥ 1; `None`: as many as
            `training.epochs` passes over the rows with a true label.
        true_per_batch: rows with a true label in every batch, on average and at least, ≥ 0.
        folds: where a task has too few validation labels, its calibration (fewer than 20) and its rounds
            (fewer than 100) are cross-fitted with so many folds of the training labels, ≥ 2: for each fold
            the rounds are run once more without its labels, so that every labelled row is held out once.
        margin: standard errors by which a round must be better than the start on held-out labels to answer
            for a task, ≥ 0, and of numbers three times as many; 0: not being worse on the validation rows is
            enough, and no round is cross-fitted.
        min_labels: fewest held-out labels of a task that its rounds are judged by, ≥ 0. A task with fewer, or
            with fewer than five of another class than the commonest one, keeps its start; 0: no task does.
        label_noise: what becomes of true labels that are probably wrong: "keep" them, or take out those that
            "confident" learning doubts: they count as missing before the first round, and how many these were
            is reported. Validation labels stay, and so do texts.
        views: name of a view -> input columns, for a strategy that names them, and for "auto".
        division: how columns are divided among views by a strategy of views that names none: "random", or
            "independent", so that columns that say the same stay in one view.

    Raises:
        InvalidArgumentError: a value is out of its range, or "auto" has no use for it.

    Example:
        >>> CoTraining(max_rounds=5).max_rounds
        5
    """

    def __init__(
        self,
        strategy: Strategy | Literal["auto"] | None = None,
        max_rounds: int = 5,
        *,
        calibration: Calibrator | None = None,
        pseudo_weight: float = 0.5,
        by_confidence: bool = True,
        logit_adjustment: float = 0.0,
        max_drift: float = 0.15,
        patience: int = 3,
        updates: int | None = None,
        true_per_batch: int = 16,
        folds: int = 3,
        margin: float = 0.5,
        min_labels: int = 20,
        label_noise: Literal["keep", "confident"] = "keep",
        views: Mapping[str, Sequence[str]] | None = None,
        division: Literal["random", "independent"] = "random",
    ) -> None:
        self.strategy: Strategy | Literal["auto"] = Committee() if strategy is None else strategy
        self.max_rounds = max_rounds
        self.calibration = calibration or Temperature()
        self.pseudo_weight = pseudo_weight
        self.by_confidence = by_confidence
        self.logit_adjustment = logit_adjustment
        self.max_drift = max_drift
        self.patience = patience
        self.updates = updates
        self.true_per_batch = true_per_batch
        self.folds = folds
        self.margin = margin
        self.min_labels = min_labels
        self.label_noise = label_noise
        self.views = {name: list(columns) for name, columns in (views or {}).items()}
        self.division = division
        self._check()

    def with_strategy(self, strategy: Strategy) -> CoTraining:
        """Return the same settings with this strategy."""
        changed = copy.copy(self)
        changed.strategy = strategy
        return changed

    def _check(self) -> None:
        self._check_ranges()
        if self.strategy == "auto" and len(self.views) == 1:
            raise InvalidArgumentError(
                f"cotraining.views names {next(iter(self.views))!r} alone: 'auto' tries views where there "
                "are two or more; name another, or leave views out."
            )
        if self.strategy == "auto" and self.division != "random":
            raise InvalidArgumentError(
                f"cotraining.division is {self.division!r}, and 'auto' tries no strategy that divides columns"
                ": take TwoViewCoTraining, or leave division out."
            )

    def _check_ranges(self) -> None:
        check_whole(self, "cotraining")
        ranges: list[tuple[str, bool, str]] = [
            (
                "strategy",
                self.strategy == "auto" or isinstance(self.strategy, Strategy),
                "a strategy, or 'auto'",
            ),
            ("max_rounds", self.max_rounds >= 1, "at least 1"),
            ("pseudo_weight", 0 < self.pseudo_weight <= 1, "a number in (0, 1]"),
            ("logit_adjustment", 0 <= self.logit_adjustment <= 2, "a number in [0, 2]"),
            ("max_drift", 0 < self.max_drift <= 1, "a number in (0, 1]"),
            ("patience", self.patience >= 1, "at least 1"),
            ("updates", self.updates is None or self.updates >= 1, "at least 1, or null"),
            ("true_per_batch", self.true_per_batch >= 0, "at least 0"),
            ("folds", self.folds >= 2, "at least 2"),
            ("margin", 0 <= self.margin < math.inf, "a finite number of at least 0"),
            ("min_labels", self.min_labels >= 0, "at least 0"),
            ("label_noise", self.label_noise in ("keep", "confident"), "keep or confident"),
            ("division", self.division in ("random", "independent"), "random or independent"),
        ]
        for name, right, expected in ranges:
            if not right:
                raise InvalidArgumentError(
                    f"cotraining.{name} is {getattr(self, name)!r}: expected {expected}."
                )
