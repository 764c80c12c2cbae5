"""What a peer believes of every row, in one form for all kinds of task.

Shapes: N rows, T targets of the task, C classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import final

import numpy as np
import torch
from torch import Tensor

from cotrain._base import ROUNDING, InvalidArgumentError, first_largest, tie_groups
from cotrain.tasks import Task


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
        ordered: whether classes are levels, so that the neighbours of the predicted one half agree.

    Example:
        >>> prediction = Prediction(probabilities=torch.tensor([[[0.2, 0.8]]]))
        >>> prediction.classes().item(), round(prediction.confidence().item(), 2)
        (1, 0.8)
    """

    probabilities: Tensor | None = None
    values: Tensor | None = None
    spread: Tensor | None = None
    agree: Tensor | None = None
    ordered: bool = False

    def take(self, rows: Tensor) -> Prediction:
        """Return the prediction of these rows."""
        parts = (self.probabilities, self.values, self.spread, self.agree)
        return Prediction(*(None if part is None else part[rows] for part in parts), ordered=self.ordered)

    @classmethod
    def stacked(cls, predictions: Sequence[Prediction]) -> Prediction:
        """Return predictions of different rows of one task below one another."""
        parts = [[one.probabilities, one.values, one.spread, one.agree] for one in predictions]
        columns = [[part for part in column if part is not None] for column in zip(*parts, strict=True)]
        whole = [torch.cat(column) if len(column) == len(predictions) else None for column in columns]
        return cls(*whole, ordered=predictions[0].ordered)

    def is_finite(self) -> bool:
        """Return whether all probabilities or values are."""
        part = self.values if self.probabilities is None else self.probabilities
        return part is not None and bool(torch.isfinite(part).all())

    def classes(self) -> Tensor:
        """Return the most probable class, int64 [N, T]; 0 for numbers."""
        if self.probabilities is not None:
            return first_largest(self.probabilities)
        return torch.zeros_like(self._values(), dtype=torch.int64)

    def confidence(self) -> Tensor:
        """Return how sure the prediction is, [N, T] in [0, 1].

        For classes the largest probability; for levels that of the predicted level and its two
        neighbours; for numbers the share of the rows whose spread is larger (all alike: one half).
        """
        if self.probabilities is None:
            return _share_above(self._spread())
        if not self.ordered:
            return self.probabilities.amax(dim=-1)
        padded = torch.nn.functional.pad(self.probabilities, (1, 1))
        around = padded[..., :-2] + padded[..., 1:-1] + padded[..., 2:]
        return around.gather(-1, self.classes()[..., None])[..., 0].clamp(max=1.0)

    def pseudo_labels(self, dtype: torch.dtype) -> Tensor:
        """Return the predictions in the coding of the task's targets, [N, T]."""
        return (self._values() if self.probabilities is None else self.classes()).to(dtype)

    def aligned(self, prior: Tensor, rows: Tensor) -> Prediction:
        """Return the prediction with its mean over `rows` divided out and the labelled prior put in.

            p'(c) ∝ p(c) · prior(c) / mean_rows p(c)

        Berthelot et al., "ReMixMatch", 2020, https://arxiv.org/abs/1911.09785. Numbers are left as they are.

        Args:
            prior: [T, C], rows sum to 1.
            rows: [N, T] bool: which entries the mean is taken over.
        """
        if self.probabilities is None:
            return self
        kept = rows[..., None].to(self.probabilities.dtype)
        mean = (self.probabilities * kept).sum(dim=0) / kept.sum(dim=0).clamp(min=1.0)
        shifted = self.probabilities * (prior / mean.clamp(min=1e-6))
        return replace(self, probabilities=shifted / shifted.sum(dim=-1, keepdim=True).clamp(min=1e-12))

    def scores(self, task: Task) -> Tensor:
        """Return what the task's metrics look at."""
        if self.probabilities is None:
            return task.original(self._values())
        return task.target_kind.scores(self.probabilities)

    def _values(self) -> Tensor:
        if self.values is None:
            raise TypeError("a prediction holds probabilities or values")
        return self.values

    def _spread(self) -> Tensor:
        return torch.zeros_like(self._values()) if self.spread is None else self.spread


def require_one_vector(tasks: Sequence[Task]) -> None:
    """Refuse tasks with many answers a row: peers label rows, not words, pixels or boxes.

    Raises:
        InvalidArgumentError: a task reads something else than one vector of a row.

    Example:
        >>> from cotrain.tasks import Binary
        >>> require_one_vector([Binary("sold")])
    """
    for task in tasks:
        if task.reads != "vector":
            raise InvalidArgumentError(
                f"Co-training labels whole rows, but {type(task).__name__}({task.name!r}) has many answers a "
                "row: leave cotraining out, or take the task out."
            )


def prediction_of_output(task: Task, output: Tensor) -> Prediction:
    """Return the prediction that a network's output [N, O] expresses.

    Raises:
        InvalidArgumentError: the task has many answers a row.

    Example:
        >>> import polars as pl
        >>> from cotrain.tasks import Binary
        >>> task = Binary("sold")
        >>> task.fit(pl.DataFrame({"sold": [True, False, True, False]}))
        >>> prediction_of_output(task, torch.tensor([[0.0]])).probabilities.tolist()
        [[[0.5, 0.5]]]
    """
    require_one_vector([task])
    if not task.has_classes:
        values = task.pseudo_label(output)
        return Prediction(values=values, spread=torch.zeros_like(values))
    probabilities = task.target_kind.probabilities(task.scores(output).float())
    return Prediction(probabilities=probabilities, ordered=task.ordered)


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
    classes = torch.stack([prediction.classes() for prediction in predictions])
    found = [prediction.probabilities for prediction in predictions if prediction.probabilities is not None]
    return Prediction(
        probabilities=torch.stack(found).mean(dim=0),
        agree=(classes == classes[0]).all(dim=0),
        ordered=first.ordered,
    )


def class_targets(task: Task, targets: Tensor) -> Tensor:
    """Return coded targets as class numbers, int64 [N, T]; 0 for numbers, whose group is one."""
    return torch.zeros_like(targets, dtype=torch.int64) if not task.has_classes else targets.long()


def n_classes(task: Task) -> int:
    """Return C: 2 for labels, 1 for numbers."""
    return task.n_classes


def prior_of(task: Task, targets: Tensor, mask: Tensor) -> Tensor:
    """Return the shares of the classes among the true labels, [T, C], each class having half a row more."""
    classes, n = class_targets(task, targets), n_classes(task)
    known = (mask > 0) & (classes < n)
    one_hot = torch.nn.functional.one_hot(classes.clamp(max=n - 1), n) * known[..., None]
    counts = one_hot.sum(dim=0).float() + 0.5
    return counts / counts.sum(dim=-1, keepdim=True)


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
