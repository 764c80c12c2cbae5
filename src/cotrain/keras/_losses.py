"""The loss of a task in Keras: any Keras loss, the mean over the labelled rows only.

Shapes: B rows; the values of a loss are [B], or [B, ...] where a row has several.
"""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from cotrain._base import InvalidArgumentError, did_you_mean

_MEANS = ("sum_over_batch_size", "mean", "mean_with_sample_weight", "auto")
_CLASS_NUMBERS = "sparse_categorical_crossentropy"

#: How the sentence about labels that are no class numbers begins, wherever it turns up.
BAD_LABELS = "The labels"


@dataclass(frozen=True)
class LossSum:
    """A task's sum of losses on one replica.

    Args:
        total: Σ weight · loss over the labelled entries, a scalar.
        count: what to divide by: the number of labelled entries (or their weights).
    """

    total: tf.Tensor
    count: tf.Tensor


@dataclass(frozen=True)
class LabelledRows:
    """The labels of a task in a batch, ready for a loss or a metric.

    Args:
        targets: 0 where missing.
        mask: True where labelled, of the shape of the targets; `None`: everywhere.
    """

    targets: tf.Tensor
    mask: tf.Tensor | None


class TaskLoss:
    """A Keras loss without its own mean.

    Args:
        task: name, for errors.
        loss: what `compile` got.
        weight: positive factor.

    Raises:
        InvalidArgumentError: the loss is no mean over rows.
    """

    def __init__(self, task: str, loss: Any, weight: float) -> None:
        self.task = task
        self.weight = weight
        self._by_weight = False
        resolved = keras.losses.get(loss)
        if isinstance(resolved, keras.losses.Loss):
            if resolved.reduction not in _MEANS:
                raise InvalidArgumentError(
                    f"The loss of task {task!r} has reduction={resolved.reduction!r}: a task's loss is the "
                    "mean over its labelled rows, so use reduction='sum_over_batch_size'."
                )
            self._by_weight = resolved.reduction == "mean_with_sample_weight"
            self._function: Callable[[Any, Any], Any] = resolved.call
        else:
            self._function = resolved
        self._of_class_numbers = getattr(resolved, "name", None) == _CLASS_NUMBERS or (
            getattr(resolved, "__name__", None) == _CLASS_NUMBERS
        )

    def sum(self, labelled: LabelledRows, output: tf.Tensor, sample_weight: Any) -> LossSum:
        """Return the sum of losses over the labelled rows."""
        output = full_precision(output)
        targets = labelled.targets
        if targets.shape.rank == output.shape.rank - 1 and output.shape[-1] == 1:
            targets = tf.expand_dims(targets, -1)
        if self._of_class_numbers:
            targets = self._checked(targets, output.shape[-1])
        values = tf.convert_to_tensor(self._function(targets, output))
        if values.shape.rank == 0:
            raise InvalidArgumentError(
                f"The loss of task {self.task!r} gives one number for the batch: it must give one per row, "
                "so that rows without a label can be left out."
            )
        values = full_precision(values)
        kept = None if labelled.mask is None else _of_rank(labelled.mask, values, tf.reduce_all)
        if sample_weight is None:
            weights = tf.ones_like(values)
        else:
            given = tf.cast(sample_weight, values.dtype)
            weights = _of_rank(given, values, tf.reduce_mean) * tf.ones_like(values)
            weighed = weights != 0
            kept = weighed if kept is None else tf.broadcast_to(kept, tf.shape(values)) & weighed
        if kept is None:
            total = tf.reduce_sum(values if sample_weight is None else values * weights)
            count = tf.cast(tf.size(values), values.dtype)
            return LossSum(total, count)
        zeros = tf.zeros_like(values)
        total = tf.reduce_sum(tf.where(kept, values * weights, zeros))
        units = weights if self._by_weight else tf.ones_like(values)
        return LossSum(total, tf.reduce_sum(tf.where(kept, units, zeros)))

    def _checked(self, targets: tf.Tensor, n_classes: int) -> tf.Tensor:
        """Return the targets of a loss on class numbers once they are known to be such numbers."""
        inside = tf.reduce_all((targets >= 0) & (targets < n_classes))
        message = (
            f"{BAD_LABELS} of task {self.task!r} must be class numbers from 0 to {n_classes - 1}, and a "
            "batch has others: give NaN (in a float array) or sample weight 0 where a row has no label."
        )
        with tf.control_dependencies([tf.debugging.Assert(inside, [message])]):
            return tf.identity(targets)

    def keeps_entries(self, labelled: LabelledRows, output: tf.Tensor) -> bool:
        """Return whether the loss has a value per target of a row, so that targets count one by one."""
        if labelled.targets.shape.rank is None or labelled.targets.shape.rank < 2:
            return False
        values = self._function(labelled.targets, full_precision(output))
        return values.shape.rank == labelled.targets.shape.rank


@contextlib.contextmanager
def sentences() -> Iterator[None]:
    """Turn what the checks of labels raise inside a graph into one sentence.

    Raises:
        InvalidArgumentError: labels are no class numbers.
    """
    try:
        yield
    except tf.errors.InvalidArgumentError as error:
        found = re.search(rf"({BAD_LABELS} of task .*? has no label\.)", str(error), re.DOTALL)
        if found is None:
            raise
        raise InvalidArgumentError(found[1].replace("\\'", "'")) from error


def in_sentences(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a function of a batch that does the same within `sentences`."""

    @functools.wraps(function)
    def told(batches: Any) -> Any:
        with sentences():
            return function(batches)

    return told


def read_labels(targets: Any, sample_weight: Any = None) -> LabelledRows:
    """Return the targets with 0 in place of NaN and where a row does not count, and where they are.

    Whatever stands where the sample weight is 0, often -1, is no label, and neither a loss nor a metric may
    look at it.
    """
    targets = tf.convert_to_tensor(targets)
    if sample_weight is not None:
        counts = _of_rank(tf.convert_to_tensor(sample_weight) != 0, targets, tf.reduce_any)
        targets = tf.where(counts, targets, tf.zeros_like(targets))
    if not targets.dtype.is_floating:
        return LabelledRows(targets, None)
    mask = ~tf.math.is_nan(targets)
    return LabelledRows(tf.where(mask, targets, tf.zeros_like(targets)), mask)


def full_precision(values: Any) -> tf.Tensor:
    """Return float32 at least: half precision is too coarse for a mean."""
    values = tf.convert_to_tensor(values)
    return tf.cast(values, tf.float32) if values.dtype in (tf.float16, tf.bfloat16) else values


def by_task(
    values: Any, tasks: Sequence[str], outputs: Sequence[str], what: str, *, spread: bool = False
) -> dict[str, Any]:
    """Return a dict task -> part of `values`.

    Args:
        values: a dict, a list in the order of the outputs, or one value.
        tasks: names.
        outputs: names of the model's outputs in the order of a list.
        what: the argument's name, for errors.
        spread: one value is for all tasks.

    Raises:
        InvalidArgumentError: an unknown task, or a wrong number of values.
    """
    if values is None:
        return {}
    if isinstance(values, Mapping):
        for name in values:
            if name not in outputs and name not in tasks:
                raise InvalidArgumentError(f"{what} has a key {name!r}: {did_you_mean(str(name), tasks)}")
        return {name: values[name] for name in tasks if name in values and values[name] is not None}
    if isinstance(values, (list, tuple)):
        if len(values) != len(outputs):
            raise InvalidArgumentError(
                f"{what} has {len(values)} parts for the {len(outputs)} outputs {list(outputs)}: give a dict."
            )
        named = dict(zip(outputs, values, strict=True))
        return {name: named[name] for name in tasks if named[name] is not None}
    if spread or len(tasks) == 1:
        return dict.fromkeys(tasks, values)
    raise InvalidArgumentError(
        f"{what} must be a dict with the tasks {list(tasks)} as keys, got {type(values).__name__}."
    )


def _of_rank(array: tf.Tensor, like: tf.Tensor, reduce: Callable[..., tf.Tensor]) -> tf.Tensor:
    """Bring an array [B, ...] to the rank of `like`, so that both broadcast."""
    while array.shape.rank > like.shape.rank:
        array = reduce(array, axis=-1)
    while array.shape.rank < like.shape.rank:
        array = tf.expand_dims(array, -1)
    return array
