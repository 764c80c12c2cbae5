"""What is said of labels that were not learned from: by rounds, whose gain they measure, and by peers.

`HeldOut` holds what every round predicts for such labels and how surely one beats another; `Holdout` judges
whether a peer may teach a task at all, and corrects its confidence.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self, final

import numpy as np
import torch
from torch import Tensor

from cotrain._base._ragged import Leaf, Ragged, labelled_rows
from cotrain.cotraining._entries import (
    entries,
    is_labelled,
    known_entries,
    mask_entries,
    offsets_of,
    row_of_entry,
    stacked,
)
from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining._hypotheses import Hypotheses
from cotrain.cotraining._predictions import (
    Prediction,
    class_targets,
    n_classes,
    prediction_of_texts,
    prior_of,
)
from cotrain.cotraining._settings import CoTraining
from cotrain.cotraining._units import Units
from cotrain.cotraining.calibration import Calibrator, Temperature
from cotrain.cotraining.guards._folds import calibration_folds
from cotrain.cotraining.peers import FittedPeer, Peer
from cotrain.evaluation._too_few import LEAST_UNITS
from cotrain.tasks import Task
from cotrain.tasks._row_weights import times_rows
from cotrain.training import Examples

#: Fewest held-out labels of other classes than the commonest one that a comparison can stand on: with fewer
#: positives than five false words are frequent whatever the interval.
LEAST_OF_OTHERS = 5
#: Fewest validation labels of a task to calibrate on; with fewer the training labels are cross-fitted.
LEAST_VALIDATION = 20
#: Fewest held-out labels to say that a task must not teach.
LEAST_TO_JUDGE = 30


@final
@dataclass(frozen=True)
class Gain:
    """By how much a prediction's loss lies below another's on the same held-out labels.

    Args:
        value: mean difference of the losses per row, > 0 = better.
        error: its standard error over the rows.
        n_labels: rows with a label that it stands on.
    """

    value: float
    error: float
    n_labels: int

    def exceeds(self, margin: float) -> bool:
        """Say whether the gain is more than so many standard errors."""
        return self.value > 0 and self.value >= margin * self.error

    def __str__(self) -> str:
        # Three decimals, or as many as the smaller of the two has two digits in.
        least = min(abs(part) for part in (self.value, self.error))
        n = max(3, 1 - math.floor(math.log10(least))) if 0 < least < 0.001 else 3
        said = f"{self.value:.{n}f} ± {self.error:.{n}f}"
        return f"its loss is {said} lower on {self.n_labels} held-out labels"


@final
@dataclass(frozen=True)
class HeldOut:
    """One task's predictions by every round on n rows that none of the fits behind them has seen a label of.

    Args:
        predictions: the start's first, each of n rows.
        targets: [n, T] coded, or n rows of entries.
        mask: of the same layout: where there is a label, or how much its row counts.
        units: [n] int64, which rows belong together; −1, or `None`: each stands for itself.
    """

    predictions: Sequence[Prediction]
    targets: Leaf
    mask: Leaf
    units: Tensor | None = None

    @classmethod
    def of(cls, task: Task, predictions: Sequence[Prediction], rows: Examples) -> Self:
        """Return those of a task on rows, of which only the labelled ones are kept."""
        mask = rows.masks[task.name]
        kept = torch.nonzero(labelled_rows(mask)).flatten()
        units = None if rows.units is None else rows.units[kept]
        return cls([one.take(kept) for one in predictions], rows.targets[task.name][kept], mask[kept], units)

    @property
    def n_labels(self) -> int:
        """Number of rows with a label."""
        return len(self.targets)

    def joined(self, other: HeldOut) -> HeldOut:
        """Return both one below the other, with the rounds of this one.

        A fold may end sooner than the run or go on for longer: its last round stands for those it lacks, and
        rounds that the run has not had are left out, for nobody could answer from them.
        """
        last = len(other.predictions) - 1
        predictions = [
            Prediction.stacked([own, other.predictions[min(number, last)]])
            for number, own in enumerate(self.predictions)
        ]
        alone = [torch.full((part.n_labels,), -1) for part in (self, other)]
        own = [part if part is not None else alone[i] for i, part in enumerate((self.units, other.units))]
        units = None if self.units is None and other.units is None else torch.cat(own)
        targets, mask = stacked([self.targets, other.targets]), stacked([self.mask, other.mask])
        return HeldOut(predictions, targets, mask, units)

    @property
    def groups(self) -> np.ndarray | None:
        """A number per row, equal for those that belong together; `None`: each row stands for itself."""
        return None if self.units is None else _one_each(self.units).numpy()

    def examples(self, task: Task) -> Examples:
        """Return the labels as rows without inputs, for the metrics."""
        return Examples({}, {task.name: self.targets}, {task.name: self.mask})

    def gain(self, task: Task, after: Prediction, before: Prediction | None = None) -> Gain:
        """Return how much better a prediction is than another; default the start's.

        The loss of a class is the squared distance of the probabilities from the truth, which is lowest for
        the true ones; that of a number is the absolute error, which one outlier does not rule; that of a text
        what it costs by connectionist temporal classification, per symbol. Either side's
        probabilities are first made as sure as these very labels bear out, by a temperature of its own: a
        round that tells classes apart better and is only surer than it should be is better, and whoever
        predicts with it corrects that as well. The test is paired: the same rows stand on both sides, each
        with its weight w, and rows that belong together are one observation u of U:

            gain = Σ w_i d_i / Σ w_i,   error² = U / (U - 1) · Σ_u (Σ_{i in u} w_i (d_i - gain))² / (Σ w_i)²

        A prediction that is not finite is no better than any.

        Source: Brier, "Verification of Forecasts Expressed in Terms of Probability", 1950,
        https://doi.org/10.1175/1520-0493(1950)078<0001:VOFEIT>2.0.CO;2.

        Args:
            task: the task.
            after: [n] rows.
            before: the same rows; `None`: of the start.
        """
        first = self.predictions[0] if before is None else before
        difference = self._losses(task, first) - self._losses(task, after)
        n, weights = len(difference), self._weights(task)
        unit = torch.arange(n) if self.units is None else _one_each(self.units)
        n_units = int(unit.max()) + 1 if n else 0
        if n_units < 2 or not bool(torch.isfinite(difference).all()):
            return Gain(0.0, math.inf, n)
        gain = float((weights * difference).sum() / weights.sum())
        of_unit = torch.zeros(n_units, dtype=torch.float64).index_add(0, unit, weights * (difference - gain))
        error = math.sqrt(n_units / (n_units - 1) * float(of_unit.square().sum())) / float(weights.sum())
        return Gain(gain, error, n)

    def objection(self, task: Task, least: int) -> str:
        """Say why so few labels can tell nothing; "" if they can.

        Args:
            task: the task.
            least: fewest labels that rounds are judged by; 0: any number will do.
        """
        if not least:
            return ""
        if self.n_labels < least:
            return f"{self.n_labels} held-out labels are fewer than min_labels={least}"
        n_units = self.n_labels if self.groups is None else len(np.unique(self.groups))
        if n_units < min(least, LEAST_UNITS):
            return f"the {self.n_labels} held-out labels are of {n_units} groups or blocks of time only"
        if not task.has_classes or task.hypothesis_labelling() is not None:
            return ""
        classes, known = class_targets(task, self.targets), known_entries(task, self.mask)
        counts = [
            int((classes[known[:, t], t] == c).sum())
            for t in range(classes.shape[1])
            for c in range(n_classes(task))
        ]
        per_target = torch.tensor(counts).reshape(classes.shape[1], -1)
        others = int((per_target.sum(dim=1) - per_target.amax(dim=1)).max())
        if others < LEAST_OF_OTHERS:
            return f"only {others} of {self.n_labels} held-out labels are of another class than the commonest"
        return ""

    def _weights(self, task: Task) -> Tensor:
        """Return how much each row counts, float64 [n]: all its labels have the same weight."""
        weights = mask_entries(task, self.mask).double().amax(dim=1)
        if not isinstance(self.mask, Ragged) and len(weights) == self.n_labels:
            return weights
        rows = row_of_entry(offsets_of(task, self.mask), self.n_labels)
        return weights.new_zeros(self.n_labels).scatter_reduce(0, rows, weights, "amax")

    def _losses(self, task: Task, prediction: Prediction) -> Tensor:
        """Return the loss of each row, float64 [n]: the mean over its targets or entries with a label."""
        known = known_entries(task, self.mask)
        if prediction.heard is not None and isinstance(self.targets, Tensor):
            return prediction.heard.tempered_costs_of(self.targets, known[:, 0]).double()
        if prediction.probabilities is None:
            values = prediction.pseudo_labels(torch.float32).double()
            losses = (values - entries(task, self.targets).double()).abs()
        else:
            classes = class_targets(task, self.targets)
            known = known & (classes < n_classes(task))
            p = prediction.probabilities.double()
            p = Temperature().fit(p, classes, known).apply(p)
            truth = torch.nn.functional.one_hot(classes.clamp(max=p.shape[-1] - 1), p.shape[-1])
            losses = (p - truth).square().sum(dim=-1)
        # A label of a class that training never saw says nothing for either side.
        kept, counts = torch.where(known, losses, 0.0).sum(dim=1), known.sum(dim=1)
        if prediction.offsets is not None:
            rows = row_of_entry(prediction.offsets, self.n_labels)
            kept = kept.new_zeros(self.n_labels).index_add(0, rows, kept)
            counts = counts.new_zeros(self.n_labels).index_add(0, rows, counts)
        return kept / counts.clamp(min=1)


def _one_each(units: Tensor) -> Tensor:
    """Return units counted from 0, where each row of unit −1 has one of its own."""
    own = torch.where(units < 0, -1 - torch.arange(len(units)), units)
    return own.unique(return_inverse=True)[1]


@final
@dataclass(frozen=True)
class TeacherAssessment:
    """Whether a peer may teach a task, and how its confidence is corrected.

    Args:
        calibrator: fitted on held-out labels; `None` for numbers.
        skill: 1 - loss / loss of the class shares (or of the mean) on held-out labels; NaN if too few, −∞ if
            what the peer says is not finite.
        n_labels: number of those labels.
        unit_calibrator: how the confidence of a unit of entries, or of a text, is corrected; `None`: there
            are none.
    """

    calibrator: Calibrator | None
    skill: float
    n_labels: int
    unit_calibrator: Calibrator | None = None

    @property
    def teaches(self) -> bool:
        """False where the peer was seen to know no more than a constant."""
        return not self.skill <= 0.0

    @property
    def objection(self) -> str:
        """Why the peer does not teach, in words; "" if it does."""
        if self.teaches:
            return ""
        if math.isinf(self.skill):
            return "the teachers' predictions are not finite"
        return "no teacher knows more than a constant"

    def calibrated(self, prediction: Prediction) -> Prediction:
        """Return the prediction with corrected probabilities."""
        if self.calibrator is None or prediction.probabilities is None:
            return prediction
        return replace(prediction, probabilities=self.calibrator.apply(prediction.probabilities))

    def of_units(self, confidence: Tensor) -> Tensor:
        """Return the corrected confidence [U, 1] of units of entries, or of texts."""
        if self.unit_calibrator is None:
            return confidence
        return self.unit_calibrator.apply(_yes_or_no(confidence))[..., 1]


@final
class Holdout:
    """Judges peers by labels that they did not learn from: validation rows, or folds of the training rows.

    Args:
        examples: training rows with true labels.
        validation: validation rows; `None`: there are none.
        settings: calibration, and the number of parts of the training labels where validation is too little.
        seed: of the run.
        cache: remembers finished fits.
    """

    def __init__(
        self,
        examples: Examples,
        validation: Examples | None,
        settings: CoTraining,
        *,
        seed: int = 0,
        cache: FitCache | None = None,
    ) -> None:
        self.examples = examples
        self.validation = validation
        self.calibration = settings.calibration
        self.folds = settings.folds
        self.seed = seed
        self.cache = cache or FitCache()
        self._out_of_fold: dict[Hashable, dict[str, Prediction]] = {}

    def assessments(self, peer: Peer, fitted: FittedPeer, key: str) -> dict[str, TeacherAssessment]:
        """Return for each task of a peer whether it may teach it.

        Args:
            peer: the peer; it, or another of its kin, is fitted on parts of the labels where it must be.
            fitted: its supervised start.
            key: of the peer, in the names of the fits.
        """
        found: dict[str, TeacherAssessment] = {}
        validation = self.validation
        on_validation = {} if validation is None else fitted.judged_on(validation)
        for task in peer.tasks:
            if validation is not None and _n_known(task, validation) >= LEAST_VALIDATION:
                prediction, rows = on_validation[task.name], validation
            else:
                prediction, rows = self.cross_fitted(peer, key)[task.name], self.examples
            constant = prior_of(task, self.examples.targets[task.name], self.examples.masks[task.name])
            found[task.name] = _assessment(task, prediction, rows, constant=constant, by=self.calibration)
        return found

    def cross_fitted(self, peer: Peer, key: str) -> dict[str, Prediction]:
        """Return predictions of the training rows from fits that did not see a row's labels, once a kin."""
        if peer.kin not in self._out_of_fold:
            self._out_of_fold[peer.kin] = self._predicted_by_folds(peer, key)
        return self._out_of_fold[peer.kin]

    def _predicted_by_folds(self, peer: Peer, key: str) -> dict[str, Prediction]:
        fold_of = calibration_folds(peer.tasks, self.examples, self.folds, self.seed)
        parts: list[tuple[Tensor, Mapping[str, Prediction]]] = []
        for fold in range(self.folds):
            held = fold_of == fold
            masks = {
                task.name: times_rows(self.examples.masks[task.name], (~held).float()) for task in peer.tasks
            }
            rest = replace(self.examples, masks={**self.examples.masks, **masks})
            if all(is_labelled(mask) for mask in masks.values()) and bool(held.any()):
                fitted = peer.fit(rest, None, f"fold-{fold}-{key}", self.cache)
                rows = torch.nonzero(held).flatten()
                inputs = {name: tensor[rows] for name, tensor in self.examples.inputs.items()}
                parts.append((rows, fitted.predictions(inputs)))
        return {task.name: _assembled(task, self.examples, parts) for task in peer.tasks}


def _assessment(
    task: Task, prediction: Prediction, rows: Examples, *, constant: Tensor, by: Calibrator
) -> TeacherAssessment:
    targets, mask = entries(task, rows.targets[task.name]), known_entries(task, rows.masks[task.name])
    n = int(mask.sum())
    if not prediction.is_finite():
        return TeacherAssessment(None, -math.inf, n)
    if task.hypothesis_labelling() is not None:
        return _assessment_of_texts(task, prediction.heard, rows, by)
    if prediction.probabilities is None:
        values = prediction.pseudo_labels(torch.float32)
        # A row of which a fold knew nothing counts as a prediction of the mean.
        loss = (values - targets)[mask].double().square().mean()
        return TeacherAssessment(None, _skill(loss, targets[mask].double().square().mean(), n), n)
    classes = class_targets(task, targets)
    known = mask & (classes < n_classes(task))
    calibrator = by.fit(prediction.probabilities, classes, known)
    calibrated = calibrator.apply(prediction.probabilities)
    loss = _log_loss(calibrated, classes, known)
    skill = _skill(loss, _log_loss(constant[None].expand_as(calibrated), classes, known), n)
    of_units = _of_units(task, replace(prediction, probabilities=calibrated), rows, by)
    return TeacherAssessment(calibrator, skill, n, of_units)


def _assessment_of_texts(
    task: Task, heard: Hypotheses | None, rows: Examples, by: Calibrator
) -> TeacherAssessment:
    """Return how surely texts of these normalised scores are right: equal to the true ones as a whole."""
    truth, mask = rows.targets[task.name], rows.masks[task.name]
    if heard is None:
        return TeacherAssessment(None, math.nan, 0)
    # Of a row that no fold held out nothing was asked.
    known = known_entries(task, mask)[:, 0] & heard.there()
    n = int(known.sum())
    if not n or not isinstance(truth, Tensor):
        return TeacherAssessment(None, math.nan, 0)
    costs = heard.tempered_costs_of(truth, known)[known].double()
    constant = torch.tensor(task.reference_loss(truth[known], mask[known]), dtype=torch.float64)
    right, could_be = heard.right(truth), known[:, None] & heard.labellable()
    calibrator = by.fit(_yes_or_no(heard.confidence()), right.long(), could_be)
    return TeacherAssessment(None, _skill(costs.mean(), constant, n), n, calibrator)


def _of_units(task: Task, prediction: Prediction, rows: Examples, by: Calibrator) -> Calibrator | None:
    """Return how surely units of these confidences are right; `None` where a row is one entry.

    A predicted unit is right if the truth has the very same one, of the same class throughout.
    """
    if prediction.labelling is None:
        return None
    classes, predicted = class_targets(task, rows.targets[task.name]), prediction.classes()
    units, truth = prediction.units(), Units.of(classes, prediction.labelling, prediction.offsets)
    right = units.same(truth) & units.all(predicted == classes)
    known = units.all(known_entries(task, rows.masks[task.name]))
    return by.fit(_yes_or_no(units.least(prediction.confidence())), right.long(), known)


def _yes_or_no(confidence: Tensor) -> Tensor:
    """Return the probabilities [U, 1, 2] of being wrong and of being right."""
    return torch.stack([1 - confidence, confidence], dim=-1)


def _n_known(task: Task, rows: Examples) -> int:
    return int(known_entries(task, rows.masks[task.name]).sum())


def _skill(loss: Tensor, constant: Tensor, n: int) -> float:
    if n < LEAST_TO_JUDGE:
        return float("nan")
    # One per cent is what a temperature fitted to noise can seem to gain.
    return float(1 - loss / constant.clamp(min=1e-12)) - 0.01


def _log_loss(probabilities: Tensor, classes: Tensor, mask: Tensor) -> Tensor:
    clamped = classes.clamp(max=probabilities.shape[-1] - 1)[..., None]
    p = probabilities.double().gather(-1, clamped)[..., 0]
    return -p.clamp(min=1e-7).log()[mask].mean()


def _assembled(
    task: Task, examples: Examples, parts: list[tuple[Tensor, Mapping[str, Prediction]]]
) -> Prediction:
    targets, mask = examples.targets[task.name], examples.masks[task.name]
    if not task.has_classes:
        values = torch.zeros(targets.shape)
        for rows, predictions in parts:
            values[rows] = predictions[task.name].pseudo_labels(torch.float32)
        return Prediction(values=values, spread=torch.zeros_like(values))
    heard = [(rows, one[task.name].heard) for rows, one in parts]
    texts = [(rows, one) for rows, one in heard if one is not None]
    if texts:
        return prediction_of_texts(Hypotheses.placed(texts, len(examples)))
    prior, offsets = prior_of(task, targets, mask), offsets_of(task, targets)
    found = prior[None].repeat(len(entries(task, targets)), 1, 1)
    row = row_of_entry(offsets, len(examples))
    for rows, predictions in parts:
        part = predictions[task.name].probabilities
        if part is not None:
            # The rows of a part are in order, so that its entries are too.
            found[torch.isin(row, rows)] = part
    return Prediction(found, labelling=task.entry_labelling(), offsets=offsets)
