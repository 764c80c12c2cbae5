"""Labels that peers made, kept apart from those that the user gave, and how they come about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import final

import torch
from torch import Tensor

from cotrain.cotraining._predictions import Prediction, joined
from cotrain.cotraining._settings import CoTraining
from cotrain.cotraining.guards._error_bound import ErrorBounds
from cotrain.cotraining.guards._round_choice import accepted_drift, sampling_drift
from cotrain.cotraining.selection import Candidates
from cotrain.cotraining.strategies import Strategy
from cotrain.tasks import Task
from cotrain.training import Examples


@final
@dataclass(frozen=True)
class PseudoLabels:
    """The pseudo-labels of one task on N rows, as one round decided them.

    Args:
        values: [N, T] in the coding of the task's targets; 0 where none was accepted.
        confidence: [N, T] in [0, 1]: the estimated probability of being right; 0 where none.
        weight: [N, T] ≥ 0: how much each counts in the loss; 0 where none was accepted.
        round: the round that decided them, from 1; 0 = no labels.
        teacher: names of the peers that made them.
    """

    values: Tensor
    confidence: Tensor
    weight: Tensor
    round: int = 0
    teacher: str = ""

    @classmethod
    def none(cls, targets: Tensor) -> PseudoLabels:
        """Return an empty store for targets [N, T]."""
        nothing = torch.zeros(targets.shape)
        return cls(torch.zeros_like(targets), nothing, nothing)

    @property
    def accepted(self) -> Tensor:
        """Where there is a pseudo-label, bool [N, T]."""
        return self.weight > 0

    @property
    def n_accepted(self) -> int:
        """Number of pseudo-labels."""
        return int(self.accepted.sum())


def with_pseudo_labels(examples: Examples, tasks: list[Task], labels: Mapping[str, PseudoLabels]) -> Examples:
    """Return new examples in which unlabelled cells have pseudo-labels and their weights.

    The given tensors are read only. Where there is a true label it stands, with its own weight, whatever
    the store says.

    Args:
        examples: N rows with the true labels.
        tasks: which targets to keep.
        labels: task -> its store; a task that is absent keeps its true labels only.
    """
    targets, masks = {}, {}
    for task in tasks:
        truth, mask = examples.targets[task.name], examples.masks[task.name].float()
        if task.name in labels:
            cache, true = labels[task.name], examples.masks[task.name] > 0
            truth = torch.where(true, truth, cache.values.to(truth.dtype))
            mask = torch.where(true, mask, cache.weight)
        targets[task.name], masks[task.name] = truth, mask
    return replace(examples, targets=targets, masks=masks)


@final
@dataclass(frozen=True)
class LabellingResult:
    """Pseudo-labels, the surest candidate's confidence, and why there are none, if so."""

    labels: PseudoLabels
    surest: float
    note: str


@final
class PseudoLabeller:
    """Turns predictions into pseudo-labels: join, align, select, check, weigh.

    Args:
        settings: weights and bounds.
        strategy: gives the selector and says whether to align.
        examples: training rows with the true labels.
        open_rows: [N] bool: rows that may get pseudo-labels at all.
        priors: task -> shares of the classes among the true labels [T, C].
    """

    def __init__(
        self,
        settings: CoTraining,
        strategy: Strategy,
        examples: Examples,
        *,
        open_rows: Tensor,
        priors: dict[str, Tensor],
    ) -> None:
        self.settings = settings
        self.strategy = strategy
        self.examples = examples
        self.open_rows = open_rows
        self.priors = priors
        self.bounds = ErrorBounds(examples) if strategy.bounded else None

    def free(self, task: Task) -> Tensor:
        """Return where a pseudo-label may stand, bool [N, T]: never where there is a true one."""
        return ~(self.examples.masks[task.name] > 0) & self.open_rows[:, None]

    def label(
        self, task: Task, predictions: Sequence[Prediction], names: Sequence[str], round_: int
    ) -> LabellingResult:
        """Decide a task's pseudo-labels in one round.

        Args:
            task: the task.
            predictions: calibrated, of the one or more teachers that may teach it, on all N rows.
            names: of the teachers.
            round_: number of the round.
        """
        targets = self.examples.targets[task.name]
        nothing = PseudoLabels.none(targets)
        free, prior = self.free(task), self.priors[task.name]
        prediction = joined(predictions)
        if not prediction.is_finite():
            return LabellingResult(nothing, float("nan"), "the teachers' predictions are not finite")
        if self.strategy.align:
            prediction = prediction.aligned(prior, free)
        confidence, classes = prediction.confidence(), prediction.classes()
        agree = torch.ones_like(free) if prediction.agree is None else prediction.agree
        progress = round_ / self.settings.max_rounds
        candidates = Candidates(
            classes=classes,
            confidence=confidence,
            free=free,
            agree=agree,
            prior=prior,
            progress=progress,
            probabilities=prediction.probabilities,
        )
        accepted = self.strategy.selector.select(candidates) & free
        offered = bool(accepted.any())
        if self.bounds is not None:
            accepted = self.bounds.limit(task, predictions, names, accepted=accepted, round_=round_)
        surest = float(confidence[free].max()) if bool(free.any()) else float("nan")
        note = self._objection(task, classes, accepted)
        if note:
            return LabellingResult(nothing, surest, note)
        weight = self.settings.pseudo_weight * accepted * self.strategy.selector.weights(candidates)
        if prediction.probabilities is None:
            weight = weight * self.strategy.number_weight
        elif self.settings.by_confidence:
            weight = weight * confidence
        values = torch.where(accepted, prediction.pseudo_labels(targets.dtype), torch.zeros_like(targets))
        labels = PseudoLabels(values, confidence * accepted, weight, round=round_, teacher=", ".join(names))
        if offered and not labels.n_accepted:
            note = "the teachers' error has not fallen enough for more labels"
        elif not labels.n_accepted:
            note = "nothing was sure enough" if bool(free.any()) else "no unlabelled cell"
        return LabellingResult(labels, surest, note)

    def _objection(self, task: Task, classes: Tensor, accepted: Tensor) -> str:
        """Say why the class shares of what was accepted are not to be trusted; "" if they are."""
        if not task.has_classes or not bool(accepted.any()):
            return ""
        prior = self.priors[task.name]
        n_labels = int((self.examples.masks[task.name] > 0).sum(dim=0).max())
        moved = accepted_drift(task, self.examples, prior, classes=classes, accepted=accepted)
        bound = self.settings.max_drift + sampling_drift(prior, n_labels)
        if moved <= bound:
            return ""
        return f"refused: the class shares would move by {moved:.2f}, more than {bound:.2f}"


def unchanged(
    now: Sequence[dict[str, LabellingResult]], before: Sequence[dict[str, LabellingResult]]
) -> bool:
    """Say whether all learners are taught what they were taught before."""
    if [sorted(labels) for labels in now] != [sorted(labels) for labels in before]:
        return False
    pairs = [
        (one.labels, before[learner][task].labels)
        for learner, of in enumerate(now)
        for task, one in of.items()
    ]
    return all(torch.equal(a.values, b.values) and torch.equal(a.weight, b.weight) for a, b in pairs)


def true_accuracy(task: Task, found: Sequence[LabellingResult], truth: Examples | None) -> float:
    """Return the share of right pseudo-labels; NaN for numbers, and where the truth is not known."""
    if truth is None or not task.has_classes:
        return float("nan")
    targets, known = truth.targets[task.name], truth.masks[task.name] > 0
    right = total = 0
    for one in found:
        where = one.labels.accepted & known
        right += int((one.labels.values == targets)[where].sum())
        total += int(where.sum())
    return right / total if total else float("nan")
