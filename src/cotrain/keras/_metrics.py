"""What a metric sees of a task, its labelled rows or entries, and what it says where there are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from cotrain.keras._losses import LabelledRows, TaskLoss
from cotrain.keras._train_step import Batch

#: Figures that are of no one task.
OF_ALL = ("loss", "penalty")


class LabelledMean(keras.metrics.Mean):
    """The mean loss of a task over its labelled rows: NaN where there was none, for 0 would look perfect.

    Example:
        >>> float(LabelledMean().result())
        nan
    """

    def result(self) -> tf.Tensor:
        """Return the mean."""
        mean = super().result()
        return tf.where(tf.convert_to_tensor(self.count) > 0, mean, tf.constant(float("nan"), mean.dtype))


def without_labels_nan(logs: Mapping[str, Any], trackers: Mapping[str, LabelledMean]) -> dict[str, Any]:
    """Return the logs with NaN for every metric of a task that had no labelled row.

    Args:
        logs: name -> value; the metrics of a task are named `<task>_<metric>`, those of a model's one output
            `<metric>`.
        trackers: task -> its mean loss.
    """
    tasks = list(trackers)
    return {
        name: value if task is None else _nan_where_empty(value, trackers[task])
        for name, value in logs.items()
        for task in [_task_of(name, tasks) or (tasks[0] if len(tasks) == 1 and name not in OF_ALL else None)]
    }


def _task_of(name: str, tasks: Sequence[str]) -> str | None:
    """Return the task whose metric this is: the longest that fits, as one task's name may begin another's."""
    return max((task for task in tasks if name.startswith(f"{task}_")), key=len, default=None)


def _nan_where_empty(value: Any, tracker: LabelledMean) -> tf.Tensor:
    value = tf.convert_to_tensor(value)
    return tf.where(tf.convert_to_tensor(tracker.count) > 0, value, tf.constant(float("nan"), value.dtype))


def labelled_rows(task: str, batch: Batch, output: Any, loss: TaskLoss) -> tuple[Any, Any, Any]:
    """Return targets, predictions and sample weights of what is labelled.

    Args:
        task: its name.
        batch: with labels of any subset of the tasks.
        output: of the task, [B, ...].
        loss: of the task; if it has a value per target, so have the metrics: [n, 1] for n labelled entries.
    """
    if task not in batch.labels:
        empty = tf.zeros((0,) if output.shape[-1] != 1 else (0, 1), output.dtype)
        return empty, output[:0], tf.zeros((0,), tf.float32)
    labelled, weight = batch.labels[task], batch.weights.get(task)
    targets, mask = labelled.targets, labelled.mask
    n_rows = tf.shape(targets)[0]
    if mask is None and weight is None:
        return targets, output, tf.ones((n_rows,), tf.float32)
    mask = tf.ones(tf.shape(targets), tf.bool) if mask is None else mask
    rows = tf.ones((n_rows,), tf.float32) if weight is None else tf.cast(weight, tf.float32)
    rows = tf.reduce_mean(tf.reshape(rows, (n_rows, -1)), axis=1)
    if loss.keeps_entries(LabelledRows(targets, mask), output):
        rows = tf.reshape(rows, (n_rows, *[1] * (targets.shape.rank - 1))) * tf.ones(tf.shape(targets))
        kept = mask & (rows != 0)
        entries = [tf.boolean_mask(values, kept) for values in (targets, output, rows)]
        return tf.expand_dims(entries[0], -1), tf.expand_dims(entries[1], -1), entries[2]
    kept = tf.reduce_all(tf.reshape(mask, (n_rows, -1)), axis=1) & (rows != 0)
    return tf.boolean_mask(targets, kept), tf.boolean_mask(output, kept), tf.boolean_mask(rows, kept)
