"""What a peer believes of every row, in one form for all kinds of task.

Shapes: N rows, T targets of the task, C classes. Where a task has an answer for every word or pixel, N stands
for the entries of all rows, one after the other, and T is 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

import numpy as np
import torch
from torch import Tensor

from cotrain._base import ROUNDING, first_largest, tie_groups
from cotrain._base._ragged import Leaf, Ragged
from cotrain.cotraining._entries import (
    class_counts,
    entries,
    known_entries,
    offsets_of,
    padded_rows,
    require_entries,
)
from cotrain.cotraining._hypotheses import Hypotheses
from cotrain.cotraining._units import Units
from cotrain.tasks import EntryLabelling, Task

#: Classes of whether a row has a thing of a kind.
THERE = ("none", "some")
#: Classes of whether a text is the one that is said: each is predicted to be.
N_RIGHT = 2


@final
@dataclass(frozen=True)
class Prediction:
    """Probabilities of classes, or values and their spread.

    A yes-or-no label is a target of two classes, so that quotas, priors, alignment and calibration are
    written once for binary, multilabel, multiclass and ordinal tasks. A number has no classes; how sure
    one can be of it is told by how far several peers are apart.

    Args:
        probabilities: [N, T, C], rows sum to 1; `None` for numbers.
        values: [N, T] standardised values; `None` for classes.
        spread: [N, T] standard deviation over the peers, ≥ 0; `None` for classes.
        agree: [N, T]: whether all the peers that were joined predict the same class; always for numbers.
        labelling: how the entries of a row are labelled; `None`: a row is one entry.
        offsets: where the entries of each row begin, int64 [rows + 1]; `None`: a row is one entry.
        outputs: of the head on N rows, where the probabilities do not tell all that is predicted, as of boxes
            whether there is one; `None`: they do.
        heard: the texts of rows that are labelled by such; the probabilities are then those of their being
            wrong and right. `None`: a label is no text.

    Example:
        >>> prediction = Prediction(probabilities=torch.tensor([[[0.2, 0.8]]]))
        >>> prediction.classes().item(), round(prediction.confidence().item(), 2)
        (1, 0.8)
    """

    probabilities: Tensor | None = None
    values: Tensor | None = None
    spread: Tensor | None = None
    agree: Tensor | None = None
    labelling: EntryLabelling | None = None
    offsets: Tensor | None = None
    outputs: Tensor | None = None
    heard: Hypotheses | None = None

    def take(self, rows: Tensor) -> Prediction:
        """Return the prediction of these rows."""
        offsets = None
        if self.offsets is not None:
            places = Ragged(torch.arange(int(self.offsets[-1])), self.offsets)[rows]
            rows, offsets = places.values, places.offsets
        parts = (self.probabilities, self.values, self.spread, self.agree, self.outputs)
        *taken, outputs = (None if part is None else part[rows] for part in parts)
        heard = None if self.heard is None else self.heard.take(rows)
        return Prediction(
            *taken,
            labelling=self.labelling,
            offsets=offsets,
            outputs=outputs,
            heard=heard,
        )

    @classmethod
    def stacked(cls, predictions: Sequence[Prediction]) -> Prediction:
        """Return predictions of different rows of one task below one another."""
        if predictions[0].offsets is None:
            predictions = [one for one in predictions if one.n_entries] or predictions[:1]
        parts = [[one.probabilities, one.values, one.spread, one.agree, one.outputs] for one in predictions]
        columns = [[part for part in column if part is not None] for column in zip(*parts, strict=True)]
        *whole, outputs = [
            torch.cat(column) if len(column) == len(predictions) else None for column in columns
        ]
        offsets = None
        if predictions[0].offsets is not None:
            lengths = torch.cat([one.offsets.diff() for one in predictions if one.offsets is not None])
            offsets = torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
        first, heard = predictions[0], [one.heard for one in predictions if one.heard is not None]
        return cls(
            *whole,
            labelling=first.labelling,
            offsets=offsets,
            outputs=outputs,
            heard=Hypotheses.stacked(heard) if heard else None,
        )

    @property
    def n_entries(self) -> int:
        """N."""
        return len(self._values() if self.probabilities is None else self.probabilities)

    def is_finite(self) -> bool:
        """Return whether all probabilities or values are."""
        part = self.values if self.probabilities is None else self.probabilities
        return part is not None and bool(torch.isfinite(part).all())

    def classes(self) -> Tensor:
        """Return the most probable class, int64 [N, T]; 0 for numbers, and 1, right, for texts."""
        if self.labelling is not None:
            return self._decoded
        if self.heard is not None:
            return torch.ones(self.n_entries, 1, dtype=torch.int64)
        if self.probabilities is not None:
            return first_largest(self.probabilities)
        return torch.zeros_like(self._values(), dtype=torch.int64)

    def confidence(self, classes: Tensor | None = None) -> Tensor:
        """Return how sure the prediction is, [N, T] in [0, 1].

        For classes, and for levels in order, the largest probability; for numbers the share of the rows whose
        spread is larger (all alike: one half). Of an entry it is the probability of the class that it is
        given in its row, see `units`; of a text that of being right.

        Args:
            classes: int64 [N, T], how sure of these; `None`: of those predicted.
        """
        if self.probabilities is None:
            return _share_above(self._spread())
        chosen = (self.classes() if classes is None else classes)[..., None]
        return self.probabilities.gather(-1, chosen)[..., 0]

    def units(self) -> Units:
        """Return which entries are labelled together; each by itself where a row is one entry."""
        return Units.of(self.classes(), self.labelling, self.offsets)

    def bounded(self, confidence: Tensor) -> Tensor:
        """Return the corrected confidence [U, T] of units, lower where one depends on others of its row."""
        if self.labelling is None or self.offsets is None:
            return confidence
        units = self.units()
        of_entry = units.spread(confidence)[:, 0]
        return units.least(self.labelling.bound(of_entry, self.classes()[:, 0], self.offsets)[:, None])

    @cached_property
    def _decoded(self) -> Tensor:
        if self.labelling is None or self.probabilities is None or self.offsets is None:
            raise TypeError("a prediction of entries holds their probabilities and where each row begins")
        return self.labelling.decode(self.probabilities[:, 0], self.offsets)[:, None]

    def pseudo_labels(self, dtype: torch.dtype) -> Tensor:
        """Return the predictions in the coding of the task's targets, [N, T]."""
        return (self._values() if self.probabilities is None else self.classes()).to(dtype)

    def aligned(self, prior: Tensor, rows: Tensor) -> Prediction:
        """Return the prediction with its mean over `rows` divided out and the labelled prior put in.

            p'(c) ∝ p(c) · prior(c) / mean_rows p(c)

        Berthelot et al., "ReMixMatch", 2020, https://arxiv.org/abs/1911.09785. Numbers and texts are left as
        they are.

        Args:
            prior: [T, C], rows sum to 1.
            rows: [N, T] bool: which entries the mean is taken over.
        """
        if self.probabilities is None or self.heard is not None:
            return self
        kept = rows[..., None].to(self.probabilities.dtype)
        mean = (self.probabilities * kept).sum(dim=0) / kept.sum(dim=0).clamp(min=1.0)
        return self._weighed(prior / mean.clamp(min=1e-6))

    def logit_adjusted(self, prior: Tensor, strength: float) -> Prediction:
        """Return the prediction as if the classes were more nearly, or at strength 1 just, equally frequent.

            p'(c) ∝ p(c) / prior(c)^τ,   that is   log p'(c) = log p(c) - τ log prior(c) + const

        A class of 2 % is then predicted where it is likelier than usual and not only where it is likelier
        than the other. Menon et al., "Long-tail learning via logit adjustment", 2021,
        https://arxiv.org/abs/2007.07314; for pseudo-labels Wang et al., "Debiased Learning from Naturally
        Imbalanced Pseudo-Labels", 2022, https://arxiv.org/abs/2201.01490, where what is divided out is the
        mean prediction instead of the prior: the same after `aligned`. Numbers and texts are left as they
        are.

        Args:
            prior: [T, C], positive, rows sum to 1.
            strength: τ in [0, 2]; 0: nothing is changed.
        """
        if self.probabilities is None or self.heard is not None or not strength:
            return self
        return self._weighed((prior.amin(dim=-1, keepdim=True) / prior).pow(strength))

    def _weighed(self, factors: Tensor) -> Prediction:
        """Return the prediction with its classes weighed by factors [T, C]."""
        if self.probabilities is None:
            return self
        shifted = self.probabilities * factors
        return replace(self, probabilities=shifted / shifted.sum(dim=-1, keepdim=True).clamp(min=1e-12))

    def scores(self, task: Task) -> Tensor:
        """Return what the task's metrics look at, the entries of a row padded."""
        if self.heard is not None:
            return self.heard.texts
        if self.outputs is not None:
            return task.scores(self.outputs)
        if self.probabilities is None:
            return task.original(self._values())
        if self.labelling is not None:
            return self.labelling.scores(padded_rows(self.probabilities, self.offsets))
        return task.target_kind.scores(self.probabilities)

    def _values(self) -> Tensor:
        if self.values is None:
            raise TypeError("a prediction holds probabilities or values")
        return self.values

    def _spread(self) -> Tensor:
        return torch.zeros_like(self._values()) if self.spread is None else self.spread


def prediction_of_output(task: Task, output: Leaf) -> Prediction:
    """Return the prediction that a network's output [N, O] expresses, or its outputs for N rows of entries.

    Raises:
        InvalidArgumentError: the task has many answers a row that are not labelled one by one.

    Example:
        >>> import polars as pl
        >>> from cotrain.tasks import Binary
        >>> task = Binary("sold")
        >>> task.fit(pl.DataFrame({"sold": [True, False, True, False]}))
        >>> prediction_of_output(task, torch.tensor([[0.0]])).probabilities.tolist()
        [[[0.5, 0.5]]]
    """
    require_entries([task])
    texts = task.hypothesis_labelling()
    if texts is not None:
        return prediction_of_texts(Hypotheses(texts, [output]))
    labelling = task.entry_labelling()
    if labelling is not None:
        found = labelling.probabilities(output)
        of_entry = (found.values if isinstance(found, Ragged) else found).float()
        offsets = offsets_of(task, found if isinstance(found, Ragged) else found[..., 0])
        return Prediction(of_entry.reshape(-1, 1, of_entry.shape[-1]), labelling=labelling, offsets=offsets)
    things = task.row_labelling()
    if things is not None and isinstance(output, Tensor):
        there = things.confidence(output).float()
        return Prediction(torch.stack([1 - there, there], dim=-1), outputs=output)
    if isinstance(output, Ragged):
        raise TypeError("a task that reads one vector of a row has one output for it")
    if not task.has_classes:
        values = task.pseudo_label(output)
        return Prediction(values=values, spread=torch.zeros_like(values))
    probabilities = task.target_kind.probabilities(task.scores(output).float())
    return Prediction(probabilities=probabilities)


def joined(predictions: Sequence[Prediction]) -> Prediction:
    """Return the mean of several predictions, with their spread and where they agree.

    Args:
        predictions: at least one, all of the same kind of task and the same rows.
    """
    first = predictions[0]
    if first.probabilities is None:
        values = torch.stack([prediction._values() for prediction in predictions])
        spread = values.std(dim=0, correction=0) if len(predictions) > 1 else first._spread()
        mean = values.mean(dim=0)
        return Prediction(values=mean, spread=spread, agree=torch.ones_like(mean, dtype=torch.bool))
    heard = [prediction.heard for prediction in predictions if prediction.heard is not None]
    if heard:
        return prediction_of_texts(Hypotheses.joined(heard))
    classes = torch.stack([prediction.classes() for prediction in predictions])
    found = [prediction.probabilities for prediction in predictions if prediction.probabilities is not None]
    outputs = [prediction.outputs for prediction in predictions if prediction.outputs is not None]
    return Prediction(
        probabilities=torch.stack(found).mean(dim=0),
        agree=(classes == classes[0]).all(dim=0),
        labelling=first.labelling,
        offsets=first.offsets,
        outputs=torch.stack(outputs).mean(dim=0) if outputs else None,
    )


def prediction_of_texts(heard: Hypotheses) -> Prediction:
    """Return what is believed of texts: how probably each is wrong, and right by its normalised score."""
    confidence = heard.confidence()
    probabilities = torch.stack([1 - confidence, confidence], dim=-1)
    return Prediction(probabilities, agree=heard.agree(), heard=heard)


def class_targets(task: Task, leaf: Leaf) -> Tensor:
    """Return coded targets as class numbers of entries, int64 [M, T]; 0 for numbers, whose group is one.

    A true text is right, 1.
    """
    targets = entries(task, leaf)
    return torch.zeros_like(targets, dtype=torch.int64) if not task.has_classes else targets.long()


def n_classes(task: Task) -> int:
    """Return C: 2 for labels, for whether there is a thing of a kind or a text is right, 1 for numbers."""
    if task.hypothesis_labelling() is not None:
        return N_RIGHT
    if task.row_labelling() is not None:
        return len(THERE)
    labelling = task.entry_labelling()
    return task.n_classes if labelling is None else len(labelling.classes)


def class_names(task: Task) -> list[str]:
    """Return the names of the C classes; none where they have none."""
    if task.hypothesis_labelling() is not None:
        return []
    if task.row_labelling() is not None:
        return list(THERE)
    labelling = task.entry_labelling()
    return task.class_names if labelling is None else list(labelling.classes)


def prior_of(task: Task, targets: Leaf, mask: Leaf) -> Tensor:
    """Return the shares of the classes among the true labels, [T, C], each class having half a row more.

    All true texts are right: of them nothing is added.

    Args:
        task: fitted.
        targets: of N rows, or classes of U units [U, T].
        mask: > 0 where there is a label.
    """
    classes, n = class_targets(task, targets), n_classes(task)
    if task.hypothesis_labelling() is not None:
        return torch.tensor([[0.0, 1.0]])
    known = known_entries(task, mask) & (classes < n)
    counts = class_counts(classes, known, n) + 0.5
    return counts / counts.sum(dim=-1, keepdim=True)


def true_units(task: Task, targets: Leaf, mask: Leaf) -> tuple[Tensor, Tensor]:
    """Return the classes of the units that true labels make up, int64 [U, T], and which are known, bool.

    Args:
        task: fitted.
        targets: of N rows.
        mask: of N rows; a unit is known if all its entries are.
    """
    classes, offsets = class_targets(task, targets), offsets_of(task, targets)
    units = Units.of(classes, task.entry_labelling(), offsets)
    return units.first(classes), units.all(known_entries(task, mask))


def _share_above(spread: Tensor) -> Tensor:
    """Return for each entry the share of its column that is larger, ties counting half.

    The values are standardised, of which 1 is the scale on which their differences are rounded.
    """
    columns = []
    for column in spread.numpy().T:
        groups = tie_groups(column, ROUNDING)
        counts = np.bincount(groups)
        not_above = 2 * np.cumsum(counts) - counts
        columns.append(1 - torch.from_numpy(not_above[groups]).float() / (2 * max(1, len(column))))
    return torch.stack(columns, dim=1)
