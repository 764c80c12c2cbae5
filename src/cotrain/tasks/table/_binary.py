"""One of two values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from cotrain._base import DataError
from cotrain.tasks._base import Task, full_precision
from cotrain.tasks._class_weights import ClassWeight, check_class_weight, class_weights
from cotrain.tasks._custom_metric import MetricChoice
from cotrain.tasks._decision import Decision, ThresholdRule, above
from cotrain.tasks._diagnosis import Diagnosis
from cotrain.tasks._focal import check_focal_gamma
from cotrain.tasks._metric import Metric
from cotrain.tasks._target_kind import LabelTargets
from cotrain.tasks._target_values import (
    ClassCoding,
    Value,
    check_range,
    key_of,
    labelled_classes,
    one_column,
    require_labels,
    require_twice,
    shown,
)
from cotrain.tasks.table._binary_metrics import BINARY_FIGURES
from cotrain.tasks.table._column_metrics import by_column
from cotrain.tasks.table._label_counts import label_counts
from cotrain.tasks.table._logits import best_logits, label_losses


@final
class Binary(Task):
    """A target with two values, such as yes and no, 0 and 1, true and false.

    The head's one output z is the logit of the positive value:

        loss = -wᵧ [y log σ(z) + (1 - y) log σ(-z)],  y smoothed to (1 - ε) y + ε / 2,

    times (1 - p)^γ, p being the probability of the true value, of the focal loss (Lin et al., "Focal Loss for
    Dense Object Detection", 2017, https://arxiv.org/abs/1708.02002: what is sure already counts less),
    with wᵧ = 1, or N / (2 Nᵧ) for balanced classes, or as given, and ε the label smoothing. A value at
    evaluation time that is neither of the two counts as missing and is counted by `unseen`.

    Args:
        name: see `Task`.
        columns: see `Task`; one column.
        positive: the value to predict the probability of; `None`: the last in natural order, that is 1
            of 0 and 1, true of false and true, "yes" of "no" and "yes".
        class_weight: "balanced" lets both values count alike however rare one is; or value -> weight, 1 for
            one that is not named. Probabilities are then no longer those of the data.
        label_smoothing: ε in [0, 0.5].
        focal_gamma: γ in [0, 10] of the focal loss, 0: cross-entropy; not with label smoothing. Probabilities
            are then nearer to one another than those of the data.
        threshold: from which probability on it is a yes: a number in (0, 1); or "f1", "balanced_accuracy",
            "youden" or {"cost_ratio": r}, a missed yes costing as much as r false ones, by which validation
            rows choose it. Predictions and metrics that count hits heed it; `None`: one half.
        weight: see `Task`.
        preference: see `Task`.
        when: see `Task`.
        sample_weight: see `Task`.
        metrics: see `Task`.

    Raises:
        DataError: at `fit`, if there are not exactly two values, or one of them occurs once only.

    Example:
        >>> task = Binary("rich", positive="yes")
        >>> frame = pl.DataFrame({"rich": ["yes", "no", None, "yes", "no"]})
        >>> task.fit(frame)
        >>> targets, mask = task.encode(frame)
        >>> targets[:, 0].tolist(), mask[:, 0].tolist()
        ([1.0, 0.0, 0.0, 1.0, 0.0], [True, True, False, True, True])
        >>> task.predict(torch.tensor([[0.0], [2.0]]))["rich"]
        ['no', 'yes']
    """

    target_kind = LabelTargets()

    def __init__(
        self,
        name: str,
        columns: str | Sequence[str] | None = None,
        *,
        positive: str | int | float | bool | None = None,
        class_weight: ClassWeight = None,
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
        threshold: ThresholdRule = None,
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
        one_column("Binary", name, self.columns)
        check_class_weight("Binary", name, class_weight)
        check_range("Binary", name, label_smoothing=(label_smoothing, 0.0, 0.5))
        check_focal_gamma("Binary", name, focal_gamma, label_smoothing)
        self.positive = positive
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.focal_gamma = focal_gamma
        self.threshold: ThresholdRule = threshold
        self.decision = Decision.of_rule("Binary", name, threshold)
        self._coding = ClassCoding([0, 1])
        self._weights = [1.0, 1.0]

    @property
    def classes(self) -> list[Value]:
        """The negative and the positive value. Known after `fit`."""
        return self._coding.classes

    def fit_columns(self, frame: pl.DataFrame) -> None:
        """Learn which two values there are, and their weights."""
        column = frame[self.columns[0]]
        found = labelled_classes(column)
        n_labelled = sum(count for _, count in found)
        require_labels(n_labelled, len(column), column.name, self.name)
        if len(found) != 2:
            what = shown([value for value, _ in found])
            raise DataError(
                f"Task {self.name!r}: a Binary target needs two values, but {column.name!r} has "
                f"{len(found)}: {what}. "
                + ("Leave the task out." if len(found) == 1 else "Use Multiclass, or merge some.")
            )
        require_twice(found, self.name, "leave the task out, or label more rows")
        if self.positive is not None:
            order = [key_of(value) != key_of(self.positive) for value, _ in found]
            if all(order):
                raise DataError(
                    f"Task {self.name!r}: positive={self.positive!r} is not a value of {column.name!r}, "
                    f"which has {shown([value for value, _ in found])}."
                )
            found = found if order[0] else found[::-1]
        self._coding = ClassCoding([value for value, _ in found])
        counts: Sequence[float] = [count for _, count in found]
        if (of_row := self.weights_of(frame)) is not None:
            counts = np.bincount(self._coding.encode(column) + 1, of_row, 3)[1:].tolist()
        self._weights = class_weights(self.class_weight, self.classes, counts, task=self.name)

    def encode_columns(self, frame: pl.DataFrame) -> tuple[Tensor, Tensor]:
        """Return targets [B, 1], 1 for the positive value, and mask [B, 1]."""
        codes = torch.from_numpy(self._coding.encode(frame[self.columns[0]]))[:, None]
        return (codes == 1).float(), (codes >= 0) & (codes < 2)

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Count the labels that are neither of the two values."""
        return self._coding.unseen(frame[self.columns[0]])

    def state_dict(self) -> dict[str, Any]:
        """Return the two values and their weights."""
        return {"classes": list(self.classes), "weights": list(self._weights)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the two values and their weights."""
        self._coding = ClassCoding(state["classes"])
        self._weights = [float(weight) for weight in state["weights"]]

    @property
    def n_outputs(self) -> int:
        """1."""
        return 1

    def output_layer(self, width: int) -> nn.Module:
        """Make a linear layer."""
        return nn.Linear(width, self.n_outputs)

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the weighted cross-entropy of every row, [B, 1]."""
        losses = label_losses(output, target, self.label_smoothing, focal_gamma=self.focal_gamma)
        if self.class_weight is None:
            return losses
        negative, positive = self._weights
        return losses * (target * positive + (1 - target) * negative)

    def reference_output(self, targets: Tensor, mask: Tensor) -> Tensor:
        """Return the logit of the (weighted, smoothed) share of positive rows, [1]."""
        return best_logits(
            targets,
            mask,
            torch.ones(1, 2) if self.class_weight is None else torch.tensor([self._weights]),
            self.label_smoothing,
            focal_gamma=self.focal_gamma,
        )

    def scores(self, output: Tensor) -> Tensor:
        """Return the probability of the positive value, [B, 1]."""
        return torch.sigmoid(full_precision(output))

    def output_of_scores(self, scores: Tensor) -> Tensor:
        """Return the logits of probabilities [B, 1]."""
        return torch.logit(scores.double(), eps=1e-7).float()

    def original(self, targets: Tensor) -> Tensor:
        """Return the targets as they are: 0 or 1."""
        return targets

    def predict(self, output: Tensor) -> dict[str, Any]:
        """Return `name` with the value that is decided for, and `name_probability` of the positive one."""
        probability = self.scores(output)[:, 0]
        values = self._coding.decode(above(self.decision, probability).long().cpu().numpy())
        return {self.name: values, f"{self.name}_probability": probability.cpu().numpy()}

    @property
    def output_columns(self) -> list[str]:
        """The value, and the probability of the positive one."""
        return [self.name, f"{self.name}_probability"]

    def confidence(self, output: Tensor) -> Tensor:
        """Return the probability of the value that is decided for, [B, 1]."""
        logits = full_precision(output)
        return torch.sigmoid(torch.where(above(self.decision, torch.sigmoid(logits)), logits, -logits))

    def pseudo_label(self, output: Tensor) -> Tensor:
        """Return 1 where the positive value is predicted, else 0, [B, 1]."""
        return above(self.decision, self.scores(output)).float()

    def diagnosis(self) -> Diagnosis:
        """Return right and wrong of every label, and the calibration."""
        return label_counts(self.decision)

    @classmethod
    def available_metrics(cls) -> list[Metric]:
        """Return the metrics of a yes-or-no target."""
        return [by_column(name, *figure) for name, figure in BINARY_FIGURES.items()]

    @classmethod
    def default_metrics(cls) -> list[str]:
        """AUROC selects the best weights."""
        return ["auroc", "average_precision", "accuracy", "log_loss"]
