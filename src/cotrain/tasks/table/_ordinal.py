"""One of several ordered levels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import polars as pl
import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain._base import DataError, InvalidArgumentError, beyond
from cotrain.tasks._base import Task, full_precision
from cotrain.tasks._custom_metric import MetricChoice
from cotrain.tasks._diagnosis import Diagnosis
from cotrain.tasks._metric import Metric
from cotrain.tasks._target_kind import ClassTargets
from cotrain.tasks._target_values import (
    ClassCoding,
    Value,
    key_of,
    labelled_classes,
    one_column,
    require_labels,
    require_twice,
    shown,
)
from cotrain.tasks.table._confusion import confusion
from cotrain.tasks.table._logits import best_logits
from cotrain.tasks.table._ordinal_metrics import levels_of, ordinal_metrics


@final
class Ordinal(Task):
    """A target with one of K ordered levels, such as small, medium, large.

    The head gives one latent number f and K - 1 thresholds; output k is the logit of "above level k",
    z_k = f + b_k, so that the order of the levels is built in:

        loss = mean over k of BCE(σ(z_k), [y > k]).

    The predicted level is the number of thresholds that are more likely passed than not. Cao, Mirjalili and
    Raschka, "Rank consistent ordinal regression for neural networks with application to age estimation"
    (CORAL), 2020, https://arxiv.org/abs/1901.07884. We take the mean over the thresholds where they take the
    sum, so that the loss does not grow with K; and while the b_k are out of order, early in training,
    probabilities are made consistent by a running minimum.

    Args:
        name: see `Task`.
        columns: see `Task`; one column.
        levels: the levels from lowest to highest; `None`: the natural order of numbers. Text needs it.
        weight: see `Task`.
        preference: see `Task`.
        when: see `Task`.
        sample_weight: see `Task`.
        metrics: see `Task`.

    Raises:
        DataError: at `fit`, if text has no `levels`, a value is none of them, or one occurs once only.

    Example:
        >>> task = Ordinal("size", levels=["s", "m", "l"])
        >>> frame = pl.DataFrame({"size": ["m", "s", None, "l", "s", "m", "l"]})
        >>> task.fit(frame)
        >>> task.encode(frame)[0][:, 0].tolist()
        [1, 0, 0, 2, 0, 1, 2]
        >>> task.predict(torch.tensor([[2.0, -1.0]]))["size"]
        ['m']
    """

    target_kind = ClassTargets()
    ordered = True

    def __init__(
        self,
        name: str,
        columns: str | Sequence[str] | None = None,
        *,
        levels: Sequence[str | int | float] | None = None,
        weight: float = 1.0,
        preference: float = 1.0,
        when: str | None = None,
        sample_weight: str | None = None,
        metrics: Sequence[MetricChoice] | None = None,
    ) -> None:
        super().__init__(
            name,
            columns,
            weight=weight,
            preference=preference,
            when=when,
            sample_weight=sample_weight,
            metrics=metrics,
        )
        one_column("Ordinal", name, self.columns)
        if levels is not None and len({key_of(value) for value in levels}) < max(2, len(levels)):
            raise InvalidArgumentError(
                f"Ordinal({name!r}, levels={list(levels)}): expected two or more different levels."
            )
        self.levels = None if levels is None else list(levels)
        self._coding = ClassCoding(self.levels or [])

    def fit_columns(self, frame: pl.DataFrame) -> None:
        """Learn the levels."""
        column = frame[self.columns[0]]
        found = labelled_classes(column)
        require_labels(sum(count for _, count in found), len(column), column.name, self.name)
        values: list[Value] = [value for value, _ in found]
        if len(values) < 2:
            raise DataError(
                f"Task {self.name!r}: an Ordinal target needs two or more levels, but {column.name!r} has "
                f"only {shown(values)}. Leave the task out."
            )
        if self.levels is None:
            if any(isinstance(value, str) for value in values):
                raise DataError(
                    f"Task {self.name!r}: column {column.name!r} holds text ({shown(values)}), whose order "
                    "is not known: give levels=[...] from lowest to highest."
                )
        else:
            known = {key_of(level) for level in self.levels}
            strange = [value for value in values if key_of(value) not in known]
            if strange:
                raise DataError(
                    f"Task {self.name!r}: column {column.name!r} has {shown(strange)}, which levels= does "
                    "not list: add them, or empty these cells."
                )
            values = list(self.levels)
        require_twice(found, self.name, "label more rows, or merge the level with a neighbour")
        self._coding = ClassCoding(values)

    def encode_columns(self, frame: pl.DataFrame) -> tuple[Tensor, Tensor]:
        """Return level numbers int64 [B, 1] from 0 and mask [B, 1]."""
        targets = torch.from_numpy(self._coding.encode(frame[self.columns[0]]))[:, None]
        mask = (targets >= 0) & (targets < len(self.parts))
        return torch.where(mask, targets, torch.zeros_like(targets)), mask

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Count the values that are no level; they count as missing."""
        return self._coding.unseen(frame[self.columns[0]])

    def state_dict(self) -> dict[str, Any]:
        """Return the levels."""
        return {"levels": list(self._coding.classes)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the levels."""
        self._coding = ClassCoding(state["levels"])

    @property
    def n_outputs(self) -> int:
        """K - 1, one per threshold."""
        return len(self._coding.classes) - 1

    @property
    def parts(self) -> list[str]:
        """The levels. Known after `fit`."""
        return [str(value) for value in self._coding.classes]

    def output_layer(self, width: int) -> nn.Module:
        """Make a layer with one latent number and K - 1 thresholds."""
        return _Thresholds(width, self.n_outputs)

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean cross-entropy over the thresholds of every row, [B, 1]."""
        above = self._above(target).to(output.dtype)
        losses = functional.binary_cross_entropy_with_logits(output, above, reduction="none")
        return losses.mean(dim=-1, keepdim=True)

    def _above(self, target: Tensor) -> Tensor:
        return target > torch.arange(self.n_outputs, device=target.device)

    def reference_output(self, targets: Tensor, mask: Tensor) -> Tensor:
        """Return the logits of the shares of rows above each threshold, [K - 1]."""
        above = self._above(targets).double()
        return best_logits(above, mask.expand_as(above), torch.ones(self.n_outputs, 2), 0.0)

    def scores(self, output: Tensor) -> Tensor:
        """Return the probability of every level, [B, K]."""
        above = torch.sigmoid(full_precision(output)).cummin(dim=-1).values
        ones = torch.ones_like(above[..., :1])
        return torch.cat([ones, above], dim=-1) - torch.cat([above, torch.zeros_like(ones)], dim=-1)

    def output_of_scores(self, scores: Tensor) -> Tensor:
        """Return the logits of being above each threshold, [B, K - 1], of probabilities [B, K]."""
        above = scores.double().flip(-1).cumsum(dim=-1).flip(-1)[..., 1:]
        return torch.logit(above.clamp(0.0, 1.0), eps=1e-7).float()

    def original(self, targets: Tensor) -> Tensor:
        """Return the level numbers as they are."""
        return targets

    def predict(self, output: Tensor) -> dict[str, Any]:
        """Return `name` with the predicted level and `name_probability[LEVEL]` of every level."""
        probabilities = self.scores(output).cpu().numpy()
        columns: dict[str, Any] = {self.name: self._coding.decode(levels_of(probabilities))}
        for number, part in enumerate(self.parts):
            columns[f"{self.name}_probability[{part}]"] = probabilities[:, number]
        return columns

    @property
    def output_columns(self) -> list[str]:
        """The level, and the probability of every one."""
        return [self.name, *(f"{self.name}_probability[{part}]" for part in self.parts)]

    def confidence(self, output: Tensor) -> Tensor:
        """Return the probability of the predicted level, [B, 1]."""
        return self.scores(output).gather(-1, self.pseudo_label(output))

    def pseudo_label(self, output: Tensor) -> Tensor:
        """Return the predicted level, int64 [B, 1]."""
        above = torch.sigmoid(full_precision(output)).cummin(dim=-1).values
        return (above > beyond(0.5)).sum(dim=-1, keepdim=True)

    def diagnosis(self) -> Diagnosis:
        """Return which classes are taken for which, and the calibration."""
        return confusion(levels_of)

    @classmethod
    def available_metrics(cls) -> list[Metric]:
        """Return the metrics of ordered levels."""
        return ordinal_metrics()

    @classmethod
    def default_metrics(cls) -> list[str]:
        """Quadratic kappa selects the best weights."""
        return ["quadratic_kappa", "mae", "accuracy"]


class _Thresholds(nn.Module):
    """[..., D] -> [..., K - 1]: one weight vector, and a bias per threshold."""

    def __init__(self, width: int, n_thresholds: int) -> None:
        super().__init__()
        self.latent = nn.Linear(width, 1, bias=False)
        # Spread out from the start, so that the levels are in order before the first step.
        self.bias = nn.Parameter(torch.linspace(1.0, -1.0, n_thresholds))

    def forward(self, representation: Tensor) -> Tensor:
        return self.latent(representation) + self.bias
