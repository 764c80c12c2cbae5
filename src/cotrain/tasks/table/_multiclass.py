"""One of several classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, final

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from cotrain._base import DataError, InvalidArgumentError, check_choice, first_largest
from cotrain.tasks._base import Task, full_precision
from cotrain.tasks._class_weights import ClassWeight, check_class_weight, class_weights
from cotrain.tasks._cross_entropy import class_logits, class_losses
from cotrain.tasks._custom_metric import MetricChoice
from cotrain.tasks._diagnosis import Diagnosis
from cotrain.tasks._focal import check_focal_gamma
from cotrain.tasks._metric import Metric
from cotrain.tasks._target_kind import ClassTargets
from cotrain.tasks._target_values import (
    ClassCoding,
    Value,
    check_range,
    key_of,
    labelled_classes,
    one_column,
    require_labels,
    shown,
)
from cotrain.tasks.table._class_metrics import class_metrics
from cotrain.tasks.table._confusion import confusion


@final
class Multiclass(Task):
    """A target with one of C classes.

        loss = -w_y Σ_c q_c log softmax(z)_c,  q = (1 - ε) [c = y] + ε / C,

    times (1 - p_y)^γ, p = softmax(z), of the focal loss (Lin et al., "Focal Loss for Dense Object Detection",
    2017, https://arxiv.org/abs/1708.02002: what is sure already counts less),
    with w_y = 1, or N / (C N_y) for balanced classes, or as given, and ε the label smoothing. A class at
    evaluation time that training never had is a category of its own, number C: it counts as wrong in the
    metrics, costs as much as the least probable class, and sends no gradient. `unseen` counts such rows.

    Args:
        name: see `Task`.
        columns: see `Task`; one column.
        classes: the classes in order; `None`: those that occur, in natural order. Rows of other classes are
            an error.
        min_count: fewest labelled rows that a class needs, ≥ 2.
        rare: what to do with a class that has fewer: "error", "merge" them all into "(other)", or "drop":
            its rows count as unlabelled.
        class_weight: "balanced" lets all classes count alike however rare; or class -> weight, 1 for one that
            is not named.
        label_smoothing: ε in [0, 0.5].
        focal_gamma: γ in [0, 10] of the focal loss, 0: cross-entropy; not with label smoothing. Probabilities
            are then nearer to one another than those of the data.
        weight: see `Task`.
        preference: see `Task`.
        when: see `Task`.
        sample_weight: see `Task`.
        metrics: see `Task`.

    Raises:
        DataError: at `fit`, if there are fewer than two classes, or a class is rare.

    Example:
        >>> task = Multiclass("colour")
        >>> task.fit(pl.DataFrame({"colour": ["red", "blue", "red", None, "blue"]}))
        >>> targets, mask = task.encode(pl.DataFrame({"colour": ["red", None, "green"]}))
        >>> targets[:, 0].tolist(), mask[:, 0].tolist()
        ([1, 0, 2], [True, False, True])
    """

    target_kind = ClassTargets()

    def __init__(
        self,
        name: str,
        columns: str | Sequence[str] | None = None,
        *,
        classes: Sequence[str | int | float | bool] | None = None,
        min_count: int = 2,
        rare: Literal["error", "merge", "drop"] = "error",
        class_weight: ClassWeight = None,
        label_smoothing: float = 0.0,
        focal_gamma: float = 0.0,
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
        one_column("Multiclass", name, self.columns)
        check_range("Multiclass", name, min_count=(min_count, 2, 10**9))
        check_range("Multiclass", name, label_smoothing=(label_smoothing, 0.0, 0.5))
        check_focal_gamma("Multiclass", name, focal_gamma, label_smoothing)
        check_choice(f"Multiclass({name!r}", ("error", "merge", "drop"), rare=rare)
        check_class_weight("Multiclass", name, class_weight)
        if classes is not None and len({key_of(value) for value in classes}) < max(2, len(classes)):
            raise InvalidArgumentError(
                f"Multiclass({name!r}, classes={list(classes)}): expected two or more different classes."
            )
        self.classes = None if classes is None else list(classes)
        self.min_count = min_count
        self.rare = rare
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.focal_gamma = focal_gamma
        self._coding = ClassCoding(self.classes or [])
        self._merged: list[Value] = []
        self._dropped: list[Value] = []
        self._weights: list[float] = []

    def fit_columns(self, frame: pl.DataFrame) -> None:
        """Learn the classes, which of them are rare, and their weights."""
        column = frame[self.columns[0]]
        found = labelled_classes(column)
        require_labels(sum(count for _, count in found), len(column), column.name, self.name)
        if self.classes is not None:
            found = self._in_given_order(found)
        # A class that `classes` names and that has no label yet is known all the same.
        rare = [(value, count) for value, count in found if 0 < count < self.min_count]
        if rare and self.rare == "error":
            once = ", ".join(f"{value!r} ({count})" for value, count in rare[:8])
            raise DataError(
                f"Task {self.name!r}: {'class' if len(rare) == 1 else 'classes'} {once}"
                f"{' and more' if len(rare) > 8 else ''} of {column.name!r} have fewer than {self.min_count} "
                "labelled rows: label more of them, drop them (rare='drop') or merge them (rare='merge')."
            )
        kept = [(value, count) for value, count in found if (value, count) not in rare]
        self._dropped = [value for value, _ in rare] if self.rare == "drop" else []
        self._merged = [value for value, _ in rare] if self.rare == "merge" else []
        if self._merged:
            kept.append((self._other(kept), sum(count for _, count in rare)))
        if len(kept) < 2:
            raise DataError(
                f"Task {self.name!r}: a Multiclass target needs two or more classes, but {column.name!r} has "
                f"{len(kept)}: {shown([value for value, _ in kept])}. Leave the task out."
            )
        self._coding = ClassCoding([value for value, _ in kept])
        counts: Sequence[float] = [count for _, count in kept]
        if (of_row := self.weights_of(frame)) is not None:
            targets, mask = (leaf[:, 0].numpy() for leaf in self.encode_columns(frame))
            counts = np.bincount(targets[mask], of_row[mask], len(kept)).tolist()
        self._weights = class_weights(self.class_weight, self._coding.classes, counts, task=self.name)

    def _in_given_order(self, found: list[tuple[Value, int]]) -> list[tuple[Value, int]]:
        counts = {key_of(value): count for value, count in found}
        given = {key_of(value) for value in self.classes or []}
        strange = [value for value, _ in found if key_of(value) not in given]
        if strange:
            raise DataError(
                f"Task {self.name!r}: column {self.columns[0]!r} has {shown(strange)}, which classes= does "
                "not list: add them, or empty these cells."
            )
        return [(value, counts.get(key_of(value), 0)) for value in self.classes or []]

    @staticmethod
    def _other(kept: Sequence[tuple[Value, int]]) -> str:
        name = "(other)"
        while any(key_of(value) == name for value, _ in kept):
            name = f"({name})"
        return name

    def encode_columns(self, frame: pl.DataFrame) -> tuple[Tensor, Tensor]:
        """Return class numbers int64 [B, 1], C for an unseen class, and mask [B, 1]."""
        column = frame[self.columns[0]]
        codes = self._coding.encode(column)
        for values, number in ((self._merged, len(self.parts) - 1), (self._dropped, -1)):
            rare = ClassCoding(values).encode(column)
            codes[(rare >= 0) & (rare < len(values))] = number
        targets = torch.from_numpy(codes)[:, None]
        return targets.clamp(min=0), targets >= 0

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Count the labels that training rows did not have; rare classes are known."""
        known = [*self._coding.classes, *self._merged, *self._dropped]
        return ClassCoding(known).unseen(frame[self.columns[0]])

    def state_dict(self) -> dict[str, Any]:
        """Return the classes, the rare ones, and the weights."""
        return {
            "classes": list(self._coding.classes),
            "merged": list(self._merged),
            "dropped": list(self._dropped),
            "weights": list(self._weights),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the classes, the rare ones, and the weights."""
        self._coding = ClassCoding(state["classes"])
        self._merged = list(state["merged"])
        self._dropped = list(state["dropped"])
        self._weights = [float(weight) for weight in state["weights"]]

    @property
    def n_outputs(self) -> int:
        """C."""
        return len(self._coding.classes)

    @property
    def parts(self) -> list[str]:
        """The classes. Known after `fit`."""
        return [str(value) for value in self._coding.classes]

    def output_layer(self, width: int) -> nn.Module:
        """Make a linear layer."""
        return nn.Linear(width, self.n_outputs)

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the weighted cross-entropy of every row, [B, 1]."""
        weights = None if self.class_weight is None else self._class_weights(output)
        smoothing, gamma = self.label_smoothing, self.focal_gamma
        return class_losses(output, target[:, 0], smoothing, weights, focal_gamma=gamma)[:, None]

    def _class_weights(self, like: Tensor) -> Tensor:
        return torch.tensor(self._weights, dtype=like.dtype).to(like.device, non_blocking=True)

    def reference_output(self, targets: Tensor, mask: Tensor) -> Tensor:
        """Return the logarithms of the (weighted, smoothed) class shares, [C]; zeros without labels."""
        weights = None
        if self.class_weight is not None:
            weights = self._class_weights(torch.zeros((), dtype=torch.float64, device=targets.device))
        return class_logits(
            targets[:, 0],
            mask[:, 0],
            self.n_outputs,
            self.label_smoothing,
            weights=weights,
            focal_gamma=self.focal_gamma,
        )

    def scores(self, output: Tensor) -> Tensor:
        """Return the probability of every class, [B, C]."""
        return torch.softmax(full_precision(output), dim=-1)

    def output_of_scores(self, scores: Tensor) -> Tensor:
        """Return the logarithms of probabilities [B, C]."""
        return scores.double().clamp(1e-7, 1.0).log().float()

    def original(self, targets: Tensor) -> Tensor:
        """Return the class numbers as they are."""
        return targets

    def predict(self, output: Tensor) -> dict[str, Any]:
        """Return `name` with the most probable class and `name_probability[CLASS]` of every class."""
        probabilities = self.scores(output).cpu().numpy()
        columns: dict[str, Any] = {self.name: self._coding.decode(first_largest(probabilities))}
        for number, part in enumerate(self.parts):
            columns[f"{self.name}_probability[{part}]"] = probabilities[:, number]
        return columns

    @property
    def output_columns(self) -> list[str]:
        """The class, and the probability of every one."""
        return [self.name, *(f"{self.name}_probability[{part}]" for part in self.parts)]

    def confidence(self, output: Tensor) -> Tensor:
        """Return the probability of the most probable class, [B, 1]."""
        return self.scores(output).amax(dim=-1, keepdim=True)

    def pseudo_label(self, output: Tensor) -> Tensor:
        """Return the number of the most probable class, int64 [B, 1]."""
        return first_largest(self.scores(output))[..., None]

    def diagnosis(self) -> Diagnosis:
        """Return which classes are taken for which, and the calibration."""
        return confusion()

    @classmethod
    def available_metrics(cls) -> list[Metric]:
        """Return the metrics of a target with classes; most come apart by class."""
        return class_metrics()

    @classmethod
    def default_metrics(cls) -> list[str]:
        """Accuracy selects the best weights."""
        return ["accuracy", "f1", "log_loss"]
