"""What every kind of task is: target coding, head, masked loss, prediction, confidence, metrics.

Shapes: B rows, T targets of the task (columns or labels), O outputs of its head. A task that reads positions
has S of them in the place of T, and outputs [B, S, O]; its rows may be ragged.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal, Self, final

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from cotrain._base import InvalidArgumentError, rows_counted_in
from cotrain._base._ragged import Leaf, Ragged
from cotrain.tasks._best_constant import without_emphasis
from cotrain.tasks._blockwise_loss import LOSSES_AT_A_TIME, blockwise_loss
from cotrain.tasks._condition import require_condition, rows_where
from cotrain.tasks._custom_metric import MetricChoice, choose_metrics
from cotrain.tasks._decision import Decision
from cotrain.tasks._diagnosis import Diagnosis, nothing_recorded, nothing_to_show
from cotrain.tasks._entries import of_length, rows_with_label
from cotrain.tasks._entry_labelling import EntryLabelling
from cotrain.tasks._hypothesis_labelling import HypothesisLabelling
from cotrain.tasks._masked_head import stacked_head, start_at
from cotrain.tasks._mean_output import mean_of_scores
from cotrain.tasks._member_head import MemberHead, members_as_rows
from cotrain.tasks._metric import Metric, require_heeding
from cotrain.tasks._precision import full_precision
from cotrain.tasks._prenet import PreNet
from cotrain.tasks._row_labelling import RowLabelling
from cotrain.tasks._row_weights import (
    masked_sum,
    require_weight_column,
    row_weights,
    rows_that_count,
    rows_to_learn_from,
    weighted_labels,
)
from cotrain.tasks._target_kind import TargetKind
from cotrain.tasks._target_values import require_columns, require_positive

#: What a head reads of a row: one vector [B, D], one a position [B, S, D], or a picture's map [B, D, H, W].
Reads = Literal["vector", "positions", "map"]


class Task(ABC):
    """A thing to predict: one or several target columns of one kind.

    Its options are the user's; `fit` learns its coding (classes, mean, scale), plain JSON in `state_dict`.

    Args:
        name: what the task is called in results; also its column unless `columns` is given.
        columns: target column or columns.
        weight: positive factor on the loss, before any balancing. A method that divides by a loss or by the
            length of its gradient undoes it, and the fit says so; a preference counts under every method.
        preference: the user's priority, a positive number that the balancer takes into account.
        when: a condition on the row's columns, e.g. "clicked == 1 and country in ('DE', 'FR')": the task
            exists only on rows where it holds; elsewhere its label counts as missing. See `Condition`.
        sample_weight: a column of numbers ≥ 0 that says how much each row counts: a row of weight 2 as two
            rows, one of weight 0 as one without a label. `None`: that of the learner, or all alike.
        metrics: the metrics to report, the first one selecting the best weights: names, or functions of your
            own, see `CustomMetric`; `None`: the kind's default.

    Example:
        >>> from cotrain.tasks import Multiclass
        >>> task = Multiclass("genre")
        >>> task.fit(pl.DataFrame({"genre": ["war", "drama", None, "war", "drama"]}))
        >>> task.labels, task.n_outputs
        (['genre'], 2)
        >>> targets, mask = task.encode(pl.DataFrame({"genre": ["war", None]}))
        >>> targets.tolist(), mask.tolist()
        ([[1], [0]], [[True], [False]])
    """

    #: What one target is: a number (float, standardised), a label (float, 0 or 1) or a class (int64). Whoever
    #: learns or judges targets without the task's network asks it, and never the kind of task.
    target_kind: ClassVar[TargetKind]
    reads: ClassVar[Reads] = "vector"  #: what the task's head reads of a row
    #: Whether the classes are levels in order, so that a neighbour of the right one is nearly right.
    ordered: ClassVar[bool] = False
    #: Whether a cell holds a target as it is predicted, a value or a list; not so a mask, boxes, a sound.
    plain_cells: ClassVar[bool] = True
    #: Whether each pixel has a target of its own, which goes where the pixel goes.
    pixelwise: ClassVar[bool] = False
    IMPORTED: ClassVar[Sequence[str]] = ("metrics",)  #: options that may name code outside this library
    entry_axes: ClassVar[int] = 0  #: axes of the target of one position that is read: 1 where it is a vector
    decision: Decision | None = None  #: where yes begins, of a task of labels that was told a threshold
    annotated: str | None = None  #: the column of the classes that somebody looked for in each row; no input

    def __init__(
        self,
        name: str,
        columns: str | Sequence[str] | None = None,
        *,
        weight: float = 1.0,
        preference: float = 1.0,
        when: str | None = None,
        sample_weight: str | None = None,
        metrics: Sequence[MetricChoice] | None = None,
    ) -> None:
        if not isinstance(name, str) or not name:
            kind = type(self).__name__
            raise InvalidArgumentError(f"{kind}(name={name!r}): expected a text that is not empty.")
        require_positive(name, weight=weight, preference=preference)
        self.name = name
        self.columns = [name] if columns is None else [columns] if isinstance(columns, str) else list(columns)
        if not self.columns or len(set(self.columns)) < len(self.columns):
            raise InvalidArgumentError(
                f"Task {name!r}: columns must be one or more different names, got {columns!r}."
            )
        self.weight = float(weight)
        self.preference = float(preference)
        require_condition(name, when)
        self.when = when
        require_weight_column(name, self.columns, sample_weight)
        self.sample_weight = sample_weight
        self.weight_column = sample_weight
        self.metrics = None if metrics is None else list(metrics)
        if self.metrics:
            self.chosen_metrics()  # or it is said what is wrong with them

    # -- coding -------------------------------------------------------------------------------------

    @final
    def fit(self, frame: pl.DataFrame) -> None:
        """Learn the coding from the training rows where `when` holds and whose weight is not 0.

        Raises:
            DataError: a column is absent, there is no label, or the labels cannot be learned from.
        """
        require_columns(frame, self.columns, self.name)
        if self.weight_column is not None:
            require_heeding(self.name, self.chosen_metrics(), self.weight_column)
        rows = rows_to_learn_from(frame, self.when, self.weight_column, self.columns, task=self.name)
        with rows_counted_in(rows):
            self.fit_columns(frame if rows is None else frame[rows])

    @abstractmethod
    def fit_columns(self, frame: pl.DataFrame) -> None:
        """Learn the coding, `when` left aside; raise `DataError` if these rows cannot be learned from."""

    @abstractmethod
    def encode_columns(self, frame: pl.DataFrame) -> tuple[Any, Any]:
        """Return targets [B, T] (0 where missing) and mask [B, T] (True = labelled), `when` left aside."""

    @final
    def encode(self, frame: pl.DataFrame) -> tuple[Any, Any]:
        """Code the target columns of `frame`.

        Returns:
            targets [B, T]: float32, or int64 class numbers; 0 where missing. B ragged rows where the task
                reads positions.
            mask [B, T]: True where there is a label and `when` holds; with a column of weights the weight of
                the row instead, divided by a power of two so that the mean is near 1, and else 0.

        Raises:
            DataError: a column is absent, or a value cannot be read as this kind of task.
        """
        require_columns(frame, self.columns, self.name)
        targets, mask = self.encode_columns(frame)
        if self.when is not None:
            targets, mask = rows_that_count(targets, mask, rows_where(frame, self.when, self.name))
        if self.weight_column is None:
            return targets, mask
        return weighted_labels(targets, mask, frame, self.weight_column, task=self.name)

    @final
    def usually_weighted_by(self, column: str) -> Self:
        """Return the task as it is with a column of weights for all tasks, which its own goes before."""
        require_weight_column(self.name, self.columns, column)
        found = copy.deepcopy(self)
        found.weight_column = self.sample_weight or column
        return found

    @final
    def weights_of(self, frame: pl.DataFrame) -> np.ndarray | None:
        """Return how much each row counts, float64 [N], NaN where the cell is empty; `None`: all alike."""
        column = self.weight_column
        return None if column is None else row_weights(frame, column, self.name)

    def own_inputs(self, frame: pl.DataFrame) -> dict[str, Any]:
        """Return inputs that this task alone reads, name -> [B, ...] or B ragged rows; default none.

        A task with such inputs has a `prenet`, and reads no others. Their names begin with "given:NAME:".
        """
        return {}

    def can_answer(self, columns: Sequence[str]) -> bool:
        """Whether a table of these columns has all that `own_inputs` needs; default yes."""
        return True

    def taught_inputs(self, targets: Any) -> dict[str, Any]:
        """Return what training and evaluation, not prediction, read of coded targets; default nothing."""
        return {}

    @abstractmethod
    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Count the labels of `frame` that training rows did not have: "column=value" -> rows."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return the coding that `fit` learned, as plain JSON values."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over a coding."""

    # -- network ------------------------------------------------------------------------------------

    @property
    @abstractmethod
    def n_outputs(self) -> int:
        """O, the width of the head's output. Known after `fit`."""

    @property
    def labels(self) -> list[str]:
        """Names of the T targets; default one, the task's own name."""
        return [self.name]

    @property
    def parts(self) -> list[str]:
        """Names of the parts that a metric can come apart into: the classes, or by default the targets."""
        return self.labels

    @property
    def has_classes(self) -> bool:
        """Whether a target is one of several classes; a number otherwise."""
        return self.target_kind.has_classes

    @property
    def n_classes(self) -> int:
        """C, the number of classes of one target: 2 for labels, 1 for numbers. Known after `fit`."""
        return self.target_kind.n_classes(self.parts)

    @property
    def class_names(self) -> list[str]:
        """Names of the classes where the task's parts are classes, else none. Known after `fit`."""
        return self.target_kind.class_names(self.parts)

    @abstractmethod
    def output_layer(self, width: int) -> nn.Module:
        """Make the last layer of the head, from [..., width] to [..., O]."""

    def prenet(self, width: int) -> PreNet | None:
        """Make what stands, for its own inputs, in place of the encoder's first stage; default: nothing."""
        return None

    @final
    def head(self, width: int, hidden: Sequence[int] = (), dropout: float = 0.0, *, members: int = 1) -> Any:
        """Make the module that maps a representation [B, width] to outputs [B, O].

        Args:
            width: D of the representation.
            hidden: widths of hidden layers before the output layer.
            dropout: probability of dropping a hidden unit, in [0, 1).
            members: M of a batched ensemble, such as `TabM`, with a head each: [B, M, width] -> [B, M, O].
        """
        heads = [stacked_head(self.output_layer, width, hidden, dropout=dropout) for _ in range(members)]
        linear = not self.has_classes and not self.quantile_levels
        return MemberHead.of(heads, self.scores, self.output_of_scores, linear=linear)

    @final
    def start_head(self, head: nn.Module, targets: Leaf, mask: Leaf) -> None:
        """Let a new head begin at the best constant: set the bias of its output layer to it.

        The first steps are then not spent on learning the class shares. The output layer's bias is the
        last parameter of shape [O] that is called "bias"; a head without one is left as it is.

        Args:
            head: made by `head`.
            targets: [B, T] of the training rows.
            mask: [B, T].
        """
        start_at(head, lambda: self.reference_output(targets, mask), self.n_outputs)

    # -- loss ---------------------------------------------------------------------------------------

    @abstractmethod
    def losses(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the loss of every entry, [B, T], for outputs [B, O] and coded targets [B, T]."""

    @final
    def loss(self, output: Tensor, target: Tensor, mask: Tensor) -> Tensor:
        """Return the mean loss over the labelled entries, a scalar of float32 at least, autocast or not.

        Args:
            output: [B, O] from the head; [B, M, O] of M members, whose mean loss it is.
            target: [B, T] in the coding of `encode`; [B, M, T] of M labels a row, of members or of blends.
            mask: [B, T], True where labelled, or weights ≥ 0 of rows or pseudo-labels. With nothing labelled
                the loss is 0 and its gradient is 0.
        """
        kept, total = self.loss_sum(output, target, mask)
        if mask.dtype == torch.bool:
            return kept / total.clamp(min=1)  # without a branch: of rows there is at least one, or kept is 0
        return kept / torch.where(total > 0, total, 1.0)

    @final
    def loss_sum(self, output: Tensor, target: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Return the sum of the losses of the labelled entries, and their number (or the sum of weights).

        Args:
            output: [B, O], or [B, S, O] where the task reads positions: then targets may be of other length.
                padding stands where they are shorter, and what they are longer is left out, unless they have
                no entry a position. [M, O] are the positions of all rows, one after the other.
            target: see `loss`.
            mask: see `loss`.
        """
        if self.reads == "vector" and (output.dim() == 3 or target.dim() == 3):
            output, target, mask = members_as_rows(output, target, mask)
        if self.per_position and output.dim() > 2:
            target, mask = (of_length(entries, output) for entries in (target, mask))
        return masked_sum(self.losses(full_precision(output), target), mask)

    def moved(self, target: Tensor, mask: Tensor, moves: Tensor) -> tuple[Tensor, Tensor]:
        """Return the labels of pictures that were moved, and which of them are left; default: as they are.

        Args:
            target: see `loss`.
            mask: see `loss`.
            moves: [B, 2, 3]: what a place (x, y, 1) in the new picture is multiplied by to give the place in
                the old one; x and y in [-1, 1] from the left and upper edge to the right and lower one.
        """
        return target, mask

    @abstractmethod
    def reference_output(self, targets: Any, mask: Any) -> Tensor:
        """Return the constant output [O] of least loss on these targets; it also starts the head's bias.

        Args:
            targets: [B, T] coded, or B ragged rows.
            mask: of the same layout, bool or weights ≥ 0.
        """

    @final
    def best_constant(self, targets: Any, mask: Any) -> Tensor:
        """Return the constant output [O] that figures stand beside: no weights of classes in it, no focus."""
        return without_emphasis(self).reference_output(targets, mask)

    @final
    def reference_loss(self, targets: Leaf, mask: Leaf) -> float:
        """Return the loss of the best constant prediction on these targets."""
        output = self.reference_output(targets, mask)
        target, mask = (leaf.values if isinstance(leaf, Ragged) else leaf for leaf in (targets, mask))
        of_row = 1 if self.reads == "vector" else target[:1].numel() or 1
        of_map = self.constant_output(output).numel() if self.reads == "map" else 1
        size = max(1, LOSSES_AT_A_TIME // max(len(output) * of_row, of_map))
        return blockwise_loss(self.loss_sum, partial(self._everywhere, output), (target, mask), size)

    def _everywhere(self, output: Tensor, target: Tensor) -> Tensor:
        """Return the same output [O] for all rows of a target, and all their positions."""
        if self.per_position:
            return output.expand(*target.shape[: target.dim() - self.entry_axes], -1)
        of_one = self.constant_output(output)
        return of_one.expand(len(target), *of_one.shape[1:])

    @property
    def per_position(self) -> bool:
        """Whether a target has an entry for every position that the head reads, as tags of words have."""
        return self.reads == "positions"

    @property
    def position_column(self) -> str | None:
        """The column whose positions, or the picture whose map, the head reads; `None`: the only one."""
        return None

    def require_positions(self, n_positions: Tensor, targets: Any, mask: Any) -> None:  # noqa: B027
        """Raise `DataError` if rows have too few positions to learn their targets from; default: never.

        Args:
            n_positions: int64 [B], of each row.
            targets: see `encode`.
            mask: see `encode`.
        """

    # -- use ----------------------------------------------------------------------------------------

    @abstractmethod
    def scores(self, output: Tensor) -> Tensor:
        """Return what the metrics look at: probabilities, or values in the unit of `original`."""

    def output_of_scores(self, scores: Tensor) -> Tensor | None:
        """Return an output [B, O] that has these scores but for rounding; default none, `None`."""
        return None

    def mean_output(self, outputs: Sequence[Tensor]) -> Tensor | None:
        """Return one output for several networks' [B, O], by default of a row's mean scores; `None`: none."""
        return mean_of_scores(self.scores, self.output_of_scores, outputs) if self.reads == "vector" else None

    def constant_output(self, output: Tensor) -> Tensor:
        """Return the output of one row that is the same constant [O] everywhere, [1, ...]; default [1, O]."""
        return output[None]

    @final
    def constant_scores(self, output: Tensor, *shape: int) -> Tensor:
        """Return the scores of one output [O] for all rows (B), or all positions of all rows (B, S)."""
        # Those of one row: a kernel need not give equal rows equal scores to the last digit.
        of_one = self.scores(self.constant_output(output))[0]
        return of_one.expand(*shape, *of_one.shape)

    @abstractmethod
    def original(self, targets: Tensor) -> Tensor:
        """Return coded targets [B, T] in the unit of the metrics: classes as coded, values unstandardised."""

    def labelled_by_part(self, mask: np.ndarray) -> np.ndarray:
        """Return the rows that each part's figure stands on, bool [N, P]; [N, 1]: that of a class on all.

        Args:
            mask: bool [N, T].
        """
        own = self.reads == "vector" and self.parts == self.labels
        return mask if own else rows_with_label(mask)[:, None]

    @abstractmethod
    def predict(self, output: Any) -> dict[str, Any]:
        """Return the columns of a prediction table: name -> list or array of B values."""

    def predict_pictures(self, output: Any, sizes: Sequence[tuple[int, int]]) -> dict[str, Any]:
        """Return what `predict` does, of pictures whose sizes are known; default: what it does.

        Args:
            output: see `predict`.
            sizes: height and width of the picture of each row, before it was given the network's size.
        """
        return self.predict(output)

    @property
    def output_columns(self) -> list[str]:
        """Names of the columns that `predict` gives; before `fit` without those of single classes or tags."""
        return [self.name]

    @abstractmethod
    def confidence(self, output: Any) -> Any:
        """Return how sure each prediction is, [B, T] in [0, 1]; what a threshold is compared with."""

    @abstractmethod
    def pseudo_label(self, output: Any) -> Any:
        """Return the predictions in the coding of `encode`, [B, T], for use as labels."""

    @property
    def why_no_pseudo_labels(self) -> str:
        """Why co-training teaches nobody this task, as half a sentence; "", the default: it does."""
        return ""

    @property
    def quantile_levels(self) -> Sequence[float]:
        """The levels of the quantiles that are predicted of every number, in order; default none.

        Scores are then those of `scores_of_quantiles`.
        """
        return ()

    def entry_labelling(self) -> EntryLabelling | None:
        """Return how co-training labels the answers of a row one by one; `None`: not, or a row has one."""
        return None

    def row_labelling(self) -> RowLabelling | None:
        """Return how co-training labels the things of a row, where a label is a list of them; default not."""
        return None

    def hypothesis_labelling(self) -> HypothesisLabelling | None:
        """Return how co-training labels a row by the text that is heard in it; default not."""
        return None

    # -- metrics ------------------------------------------------------------------------------------

    @abstractmethod
    def available_metrics(self) -> list[Metric]:
        """Return every metric of this kind of task."""

    def further_metrics(self) -> list[Metric]:
        """Return the metrics that the options of this very task add to those of its kind; default none."""
        return []

    @abstractmethod
    def default_metrics(self) -> list[str]:
        """Return the names reported by default; the first selects the best weights."""

    def diagnosis(self) -> Diagnosis:
        """Return what shows where the predictions go wrong, for the report; nothing unless a kind says so."""
        return Diagnosis(nothing_recorded, nothing_to_show)

    @final
    def chosen_metrics(self) -> list[Metric]:
        """Return the metrics to report, the selecting one first."""
        known = [*self.available_metrics(), *self.further_metrics()]
        found = choose_metrics(self, self.metrics or self.default_metrics(), known)
        return found if self.decision is None else [self.decision.of(metric) for metric in found]

    def __repr__(self) -> str:
        columns = "" if self.columns == [self.name] else f", {self.columns!r}"
        return f"{type(self).__name__}({self.name!r}{columns})"
