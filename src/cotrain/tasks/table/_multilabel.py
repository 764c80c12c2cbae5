"""Several yes-or-no labels at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, final

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from cotrain._base import DataError, InvalidArgumentError
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
    labelled_classes,
    require_labels,
    shown,
)
from cotrain.tasks.table._binary_metrics import BINARY_FIGURES
from cotrain.tasks.table._column_metrics import by_column, exact_match, over_entries
from cotrain.tasks.table._label_counts import label_counts
from cotrain.tasks.table._logits import best_logits, label_losses
from cotrain.tasks.table._tags import encode_tags, tag_counts

#: Rows with a tag from which on it is a label, where the user says nothing.
_LEAST = 2


@final
class Multilabel(Task):
    """A target of T yes-or-no labels: T columns with two values each, or one column of separated tags.

    A cell that spells a list, in JSON or as Python prints it, is that list.
    With columns every cell can be missing on its own. With `separator` a row has all labels or, where the
    cell is empty, none. The loss of an entry is that of `Binary`; the loss of the task is the mean over the
    labelled entries. A tag or value at evaluation time that training never had is counted by `unseen`; such
    a tag changes nothing else, such a value counts as missing.

    Args:
        name: see `Task`.
        columns: see `Task`; two or more, or one with `separator`.
        separator: what separates the tags of a cell, e.g. ","; a column of lists needs it for `predict` only,
            and no tag may have it within.
        min_count: fewest training rows with a tag for it to become a label, ≥ 1; with `separator` only.
        max_labels: most tags that become labels, the most frequent ones; with `separator` only.
        class_weight: "balanced" lets presence and absence of every label count alike; or label -> weight of
            its presence, that of its absence being 1, and so for one that is not named.
        label_smoothing: ε in [0, 0.5].
        focal_gamma: γ in [0, 10] of the focal loss, 0: cross-entropy; not with label smoothing. Probabilities
            are then nearer to one another than those of the data.
        threshold: from which probability on it is a yes: a number in (0, 1); or "f1", "balanced_accuracy",
            "youden" or {"cost_ratio": r}, a missed yes costing as much as r false ones, by which validation
            rows choose it, for each label. Predictions and metrics that count hits heed it; `None`: one half.
        weight: see `Task`.
        preference: see `Task`.
        when: see `Task`.
        sample_weight: see `Task`.
        metrics: see `Task`.

    Raises:
        DataError: at `fit`, if a column is all missing or has other than two values, no tag is kept, or one
            of a list has the separator within it.

    Example:
        >>> task = Multilabel("genres", separator=",")
        >>> task.fit(pl.DataFrame({"genres": ["drama, crime", "drama", None, "crime"]}))
        >>> task.labels
        ['crime', 'drama']
        >>> task.predict(torch.tensor([[1.0, 2.0], [-1.0, 1.0]]))["genres"]
        ['crime,drama', 'drama']
    """

    target_kind = LabelTargets()

    def __init__(
        self,
        name: str,
        columns: str | Sequence[str] | None = None,
        *,
        separator: str | None = None,
        min_count: int = _LEAST,
        max_labels: int | None = None,
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
        if (separator is None) == (len(self.columns) == 1) or separator == "":
            raise InvalidArgumentError(
                f"Multilabel({name!r}) needs several columns, or one column and the separator of its values; "
                f"got columns={self.columns} and separator={separator!r}."
            )
        if separator is None and (min_count != _LEAST or max_labels is not None):
            raise InvalidArgumentError(
                f"Multilabel({name!r}): min_count and max_labels choose among tags, and with columns all of "
                f"them are labels: leave these out, or columns."
            )
        check_range(
            "Multilabel", name, min_count=(min_count, 1, 10**9), max_labels=(max_labels or 1, 1, 10**9)
        )
        check_range("Multilabel", name, label_smoothing=(label_smoothing, 0.0, 0.5))
        check_focal_gamma("Multilabel", name, focal_gamma, label_smoothing)
        check_class_weight("Multilabel", name, class_weight)
        self.separator = separator
        self.min_count = min_count
        self.max_labels = max_labels
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.focal_gamma = focal_gamma
        self.threshold: ThresholdRule = threshold
        self.decision = Decision.of_rule("Multilabel", name, threshold)
        self._codings: list[ClassCoding] = []
        self._tags: list[str] = []
        self._rare: list[str] = []
        self._weights = torch.ones(len(self.columns), 2)

    def fit_columns(self, frame: pl.DataFrame) -> None:
        """Learn the labels, and the weights of their absence and presence."""
        if self.separator is None:
            self._codings = [self._fit_column(frame[column]) for column in self.columns]
        else:
            self._fit_tags(frame[self.columns[0]])
        self._weights = torch.ones(len(self.labels), 2)
        if self.class_weight == "balanced":
            targets, mask = self.encode_columns(frame)
            of_row = self.weights_of(frame)
            known = mask.float() if of_row is None else mask * torch.from_numpy(of_row).float()[:, None]
            counts = torch.stack([(known * (targets == 0)).sum(0), (known * (targets == 1)).sum(0)], dim=1)
            self._weights = counts.sum(1, keepdim=True) / (2 * torch.where(counts > 0, counts, 1.0))
        elif self.class_weight is not None:
            of_label = class_weights(self.class_weight, self.labels, [], task=self.name)
            self._weights[:, 1] = torch.tensor(of_label)

    def _fit_column(self, column: pl.Series) -> ClassCoding:
        found = labelled_classes(column)
        require_labels(sum(count for _, count in found), len(column), column.name, self.name)
        values = [value for value, _ in found]
        if len(values) == 1 and values[0] in (0, 1):
            # Few labels may all be alike; with 0, 1, false and true there is no doubt what they mean.
            values = [False, True] if isinstance(values[0], bool) else [0, 1]
        if len(values) != 2:
            raise DataError(
                f"Task {self.name!r}: label {column.name!r} needs two values, but has {len(values)}: "
                f"{shown(values)}. Leave the column out, or correct it."
            )
        return ClassCoding(values)

    def _fit_tags(self, column: pl.Series) -> None:
        counts, n_labelled = tag_counts(column, self.separator or ",")
        require_labels(n_labelled, len(column), column.name, self.name)
        kept = [tag for tag, count in counts if count >= self.min_count][: self.max_labels]
        if not kept:
            most = f"the most frequent, {counts[0][0]!r}, {counts[0][1]} times" if counts else "there is none"
            raise DataError(
                f"Task {self.name!r}: no tag of {column.name!r} occurs in min_count={self.min_count} or more "
                f"training rows ({most}): lower min_count, or check separator={self.separator!r}."
            )
        split = next((tag for tag in sorted(kept) if (self.separator or ",") in tag), None)
        if split is not None:
            raise DataError(
                f"Task {self.name!r}: the tag {split!r} of {column.name!r} has the separator "
                f"{self.separator!r} within it, so that in a prediction it would be several tags: choose a "
                "separator that no tag has, such as '|'."
            )
        self._tags = sorted(kept)
        self._rare = sorted({tag for tag, _ in counts} - set(kept))

    def encode_columns(self, frame: pl.DataFrame) -> tuple[Tensor, Tensor]:
        """Return targets float32 [B, T] in {0, 1} and mask [B, T]."""
        if self.separator is not None:
            targets, labelled = encode_tags(frame[self.columns[0]], self.separator, self._tags)
            mask = np.repeat(labelled[:, None], len(self._tags), axis=1)
            return torch.from_numpy(targets), torch.from_numpy(mask)
        codes = np.stack(
            [
                coding.encode(frame[column])
                for coding, column in zip(self._codings, self.columns, strict=True)
            ],
            axis=1,
        )
        return torch.from_numpy(codes == 1).float(), torch.from_numpy((codes >= 0) & (codes < 2))

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Count the values or tags that training never had; rare tags are known."""
        if self.separator is not None:
            counts, _ = tag_counts(frame[self.columns[0]], self.separator)
            known = {*self._tags, *self._rare}
            return {f"{self.columns[0]}={tag}": count for tag, count in counts if tag not in known}
        pairs = zip(self._codings, self.columns, strict=True)
        return {key: count for coding, column in pairs for key, count in coding.unseen(frame[column]).items()}

    def state_dict(self) -> dict[str, Any]:
        """Return the two values of every column, or the tags, and the weights."""
        return {
            "columns": [list(coding.classes) for coding in self._codings],
            "tags": list(self._tags),
            "rare": list(self._rare),
            "weights": self._weights.tolist(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the values, tags and weights."""
        self._codings = [ClassCoding(classes) for classes in state["columns"]]
        self._tags = list(state["tags"])
        self._rare = list(state["rare"])
        self._weights = torch.tensor(state["weights"], dtype=torch.float32).reshape(-1, 2)

    @property
    def n_outputs(self) -> int:
        """T."""
        return len(self.labels)

    @property
    def labels(self) -> list[str]:
        """The columns, or the tags. Known after `fit`."""
        return list(self.columns) if self.separator is None else list(self._tags)

    def output_layer(self, width: int) -> nn.Module:
        """Make a linear layer."""
        return nn.Linear(width, self.n_outputs)

    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the weighted cross-entropy of every entry, [B, T]."""
        losses = label_losses(output, target, self.label_smoothing, focal_gamma=self.focal_gamma)
        if self.class_weight is None:
            return losses
        weights = self._weights.to(output.device, non_blocking=True)
        return losses * torch.where(target > 0.5, weights[:, 1], weights[:, 0])

    def reference_output(self, targets: Tensor, mask: Tensor) -> Tensor:
        """Return the logit of every label's (weighted, smoothed) share, [T]."""
        weights = torch.ones(targets.shape[1], 2) if self.class_weight is None else self._weights
        return best_logits(targets, mask, weights, self.label_smoothing, focal_gamma=self.focal_gamma)

    def scores(self, output: Tensor) -> Tensor:
        """Return the probability of every label, [B, T]."""
        return torch.sigmoid(full_precision(output))

    def output_of_scores(self, scores: Tensor) -> Tensor:
        """Return the logits of probabilities [B, T]."""
        return torch.logit(scores.double(), eps=1e-7).float()

    def original(self, targets: Tensor) -> Tensor:
        """Return the targets as they are: 0 or 1."""
        return targets

    def predict(self, output: Tensor) -> dict[str, Any]:
        """Return predictions and probabilities.

        With columns: COLUMN with the value that is decided for and `COLUMN_probability`. With `separator`:
        `name` with the joined tags and `name_probability[TAG]`.
        """
        probabilities = self.scores(output).cpu().numpy()
        chosen = above(self.decision, probabilities)
        columns: dict[str, Any] = {}
        if self.separator is not None:
            tags = np.array(self._tags, dtype=object)
            columns[self.name] = [self.separator.join(tags[row]) for row in chosen]
            for t, tag in enumerate(self._tags):
                columns[f"{self.name}_probability[{tag}]"] = probabilities[:, t]
            return columns
        for t, (coding, column) in enumerate(zip(self._codings, self.columns, strict=True)):
            values: list[Value] = coding.decode(chosen[:, t].astype(int))
            columns[column] = values
            columns[f"{column}_probability"] = probabilities[:, t]
        return columns

    @property
    def output_columns(self) -> list[str]:
        """The value and the probability of every label; of tags all in one, and the probability of each."""
        if self.separator is not None:
            return [self.name, *(f"{self.name}_probability[{tag}]" for tag in self._tags)]
        return [name for column in self.columns for name in (column, f"{column}_probability")]

    def confidence(self, output: Tensor) -> Tensor:
        """Return the probability of the value of every label that is decided for, [B, T]."""
        logits = full_precision(output)
        return torch.sigmoid(torch.where(above(self.decision, torch.sigmoid(logits)), logits, -logits))

    def pseudo_label(self, output: Tensor) -> Tensor:
        """Return 1 where a label is predicted, else 0, [B, T]."""
        return above(self.decision, self.scores(output)).float()

    def diagnosis(self) -> Diagnosis:
        """Return right and wrong of every label, and the calibration."""
        return label_counts(self.decision)

    @classmethod
    def available_metrics(cls) -> list[Metric]:
        """Return the figures of `Binary` averaged over labels, and as NAME_micro over all entries at once."""
        macro = [by_column(name, *figure) for name, figure in BINARY_FIGURES.items()]
        micro = [over_entries(f"{name}_micro", *figure) for name, figure in BINARY_FIGURES.items()]
        return [*macro, *micro, exact_match()]

    @classmethod
    def default_metrics(cls) -> list[str]:
        """The mean AUROC over the labels selects the best weights."""
        return ["auroc", "average_precision", "f1", "f1_micro"]
