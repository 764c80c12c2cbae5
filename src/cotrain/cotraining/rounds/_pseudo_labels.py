"""Labels that peers made, kept apart from those that the user gave, and how they come about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import final

import torch
from torch import Tensor

from cotrain.cotraining._entries import (
    as_float,
    entries,
    known_entries,
    like,
    mask_entries,
    offsets_of,
    row_of_entry,
)
from cotrain.cotraining._hypotheses import as_wide_as_each_other, same_texts, trimmed
from cotrain.cotraining._predictions import Prediction, joined, prior_of
from cotrain.cotraining._settings import CoTraining
from cotrain.cotraining._typicality import typicality
from cotrain.cotraining._units import Units
from cotrain.cotraining.guards._error_bound import ErrorBounds
from cotrain.cotraining.guards._held_out import TeacherAssessment
from cotrain.cotraining.guards._round_choice import (
    accepted_drift,
    accepted_text_drift,
    effective_labels,
    label_shares,
    sampling_drift,
)
from cotrain.cotraining.selection import Candidates
from cotrain.cotraining.strategies import Strategy
from cotrain.tasks import Task
from cotrain.training import Examples


@final
@dataclass(frozen=True)
class PseudoLabels:
    """The pseudo-labels of one task on N rows, as one round decided them.

    Where the task has an answer for every word or pixel, N stands for the entries of all rows, one after the
    other, and T is 1.

    Args:
        values: [N, T] in the coding of the task's targets; 0 where none was accepted.
        confidence: [N, T] in [0, 1]: the estimated probability of being right; 0 where none.
        weight: [N, T] ≥ 0: how much each counts in the loss; 0 where none was accepted.
        round: the round that decided them, from 1; 0 = no labels.
        teacher: names of the peers that made them.
        things: of a task with a `row_labelling` the coded targets of what is there, [N, M, ...]; its `values`
            say of every kind whether anything is.
        texts: of a task with a `hypothesis_labelling` the texts, [N, L], as wide as the longest of them; its
            `values` are 1 where there is one.
    """

    values: Tensor
    confidence: Tensor
    weight: Tensor
    round: int = 0
    teacher: str = ""
    things: Tensor | None = None
    texts: Tensor | None = None

    @classmethod
    def none(cls, targets: Tensor) -> PseudoLabels:
        """Return an empty store for entries of targets [N, T]."""
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
        truth, mask = examples.targets[task.name], as_float(examples.masks[task.name])
        if task.name in labels:
            store, own, weights = labels[task.name], entries(task, truth), mask_entries(task, mask)
            true = weights > 0
            of_rows = task.row_labelling()
            if store.texts is not None and isinstance(truth, Tensor):
                own, taught = as_wide_as_each_other([truth, store.texts])
                truth = torch.where(store.accepted & ~true, taught.to(own), own)
            elif task.hypothesis_labelling() is not None:
                pass  # nothing is taught
            elif of_rows is None:
                truth = like(truth, torch.where(true, own, store.values.to(own.dtype)))
            elif store.things is not None and isinstance(truth, Tensor):
                truth = of_rows.merged(truth, store.things, store.accepted & ~true)
            mask = like(mask, torch.where(true, weights, store.weight))
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
    """Turns predictions into pseudo-labels: join, align, adjust, select, check, weigh.

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
        self._typical: dict[tuple[str, int], Tensor] = {}
        self._chance: dict[str, float] = {}

    def free(self, task: Task) -> Tensor:
        """Return where a pseudo-label may stand, bool [N, T]: never where there is a true one."""
        mask = self.examples.masks[task.name]
        rows = row_of_entry(offsets_of(task, mask), len(self.open_rows))
        return ~known_entries(task, mask) & self.open_rows[rows][:, None]

    def label(
        self,
        task: Task,
        predictions: Sequence[Prediction],
        names: Sequence[str],
        round_: int,
        *,
        assessments: Sequence[TeacherAssessment] = (),
    ) -> LabellingResult:
        """Decide a task's pseudo-labels in one round.

        Args:
            task: the task.
            predictions: calibrated, of the one or more teachers that may teach it, on all N rows.
            names: of the teachers.
            round_: number of the round.
            assessments: of the teachers; they correct the confidence of units.
        """
        targets = entries(task, self.examples.targets[task.name])
        nothing = PseudoLabels.none(targets)
        free = self.free(task)
        prediction = joined(predictions)
        if not prediction.is_finite():
            return LabellingResult(nothing, float("nan"), "the teachers' predictions are not finite")
        prior = prior_of(task, self.examples.targets[task.name], self.examples.masks[task.name])
        if self.strategy.align:
            prediction = prediction.aligned(prior, free)
        believed = prediction
        prediction = prediction.logit_adjusted(prior, self.settings.logit_adjustment)
        units = prediction.units()
        candidates = self._candidates(task, prediction, units, assessments, round_=round_)
        free, confidence, classes = candidates.free, candidates.confidence, candidates.classes
        accepted = self.strategy.selector.select(candidates) & free
        heard = prediction.heard
        offered = bool(accepted.any())
        if self.bounds is not None:
            accepted = self.bounds.limit(task, predictions, names, accepted=accepted, round_=round_)
        surest = float(confidence[free].max()) if bool(free.any()) else float("nan")
        note = self._objection(task, prediction, classes, accepted)
        if note:
            return LabellingResult(nothing, surest, note)
        weight = self.settings.pseudo_weight * accepted * self.strategy.selector.weights(candidates)
        if prediction.probabilities is None:
            weight = weight * self.strategy.number_weight
        elif self.settings.by_confidence:
            weight = weight * confidence
        of_rows, things = task.row_labelling(), None
        if of_rows is not None and prediction.outputs is not None:
            # That nothing is there teaches nothing: what was overlooked would become background.
            accepted = accepted & (classes > 0)
            weight = weight * accepted
            things = of_rows.things(prediction.outputs, accepted)
        if prediction is not believed:
            # The adjusted one tells which class to teach; how likely that is right the teachers say.
            confidence = units.least(believed.confidence(prediction.classes()))
        texts = None if heard is None else trimmed(torch.where(accepted, heard.texts, 0))
        weight, confidence, accepted = (units.spread(part) for part in (weight, confidence, accepted))
        values = torch.where(accepted, prediction.pseudo_labels(targets.dtype), torch.zeros_like(targets))
        teacher = ", ".join(names)
        labels = PseudoLabels(
            values, confidence * accepted, weight, round=round_, teacher=teacher, things=things, texts=texts
        )
        if offered and not labels.n_accepted:
            note = "the teachers' error has not fallen enough for more labels"
        elif not labels.n_accepted:
            note = "nothing was sure enough" if bool(free.any()) else "no unlabelled cell"
        return LabellingResult(labels, surest, note)

    def _candidates(
        self,
        task: Task,
        prediction: Prediction,
        units: Units,
        assessments: Sequence[TeacherAssessment],
        *,
        round_: int,
    ) -> Candidates:
        """Return what a selector chooses from: entries, or units of such, with their corrected confidence."""
        agree = prediction.agree
        confidence = units.least(prediction.confidence())
        if (units.of_entry is not None or prediction.heard is not None) and assessments:
            confidence = torch.stack([one.of_units(confidence) for one in assessments]).mean(dim=0)
        confidence = prediction.bounded(confidence)
        free = units.all(self.free(task))
        if prediction.heard is not None:
            free = free & prediction.heard.labellable()
        return Candidates(
            classes=units.first(prediction.classes()),
            confidence=confidence,
            free=free,
            agree=torch.ones_like(free) if agree is None else units.all(agree),
            prior=self.priors[task.name],
            progress=round_ / self.settings.max_rounds,
            probabilities=prediction.probabilities
            if units.of_entry is None and prediction.heard is None
            else None,
            typicality=partial(self._typicality, task),
        )

    def _typicality(self, task: Task, n_neighbours: int) -> Tensor:
        """Return how usual the rows are among the labelled ones, which no round changes."""
        key = (task.name, n_neighbours)
        if key not in self._typical:
            self._typical[key] = typicality(task, self.examples, n_neighbours)
        return self._typical[key]

    def _objection(self, task: Task, prediction: Prediction, classes: Tensor, accepted: Tensor) -> str:
        """Say why the class shares of what was accepted are not to be trusted; "" if they are."""
        if not task.has_classes or not bool(accepted.any()):
            return ""
        prior, what = self.priors[task.name], "class"
        if prediction.heard is not None:
            prior, what = label_shares(task, self.examples, prior), "symbol"
            moved = accepted_text_drift(task, self.examples, prior, heard=prediction.heard, accepted=accepted)
        else:
            moved = accepted_drift(task, self.examples, prior, classes=classes, accepted=accepted)
        if task.name not in self._chance:  # true labels stay what they are
            self._chance[task.name] = sampling_drift(prior, effective_labels(task, self.examples))
        bound = self.settings.max_drift + self._chance[task.name]
        if moved <= bound:
            return ""
        return f"refused: the {what} shares would move by {moved:.2f}, more than {bound:.2f}"


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
    return all(
        torch.equal(a.values, b.values)
        and torch.equal(a.weight, b.weight)
        and _same(a.things, b.things)
        and _same(a.texts, b.texts)
        for a, b in pairs
    )


def _same(one: Tensor | None, other: Tensor | None) -> bool:
    return one is other or (one is not None and other is not None and torch.equal(one, other))


def true_accuracy(task: Task, found: Sequence[LabellingResult], truth: Examples | None) -> float:
    """Return the share of right pseudo-labels; NaN for numbers, and where the truth is not known."""
    if truth is None or not task.has_classes:
        return float("nan")
    targets, known = entries(task, truth.targets[task.name]), known_entries(task, truth.masks[task.name])
    said = truth.targets[task.name]
    right = total = 0
    for one in found:
        where, texts = one.labels.accepted & known, one.labels.texts
        alike = one.labels.values == targets
        if texts is not None and isinstance(said, Tensor):
            alike = same_texts(texts, said)[:, None]
        right += int(alike[where].sum())
        total += int(where.sum())
    return right / total if total else float("nan")
