"""From a table to what `fit` takes: the schema's inputs, the tasks' coding, NaN where a label is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow as tf

from cotrain._base import InvalidArgumentError, mix_seed
from cotrain.data import Schema, table_tensors, to_polars

if TYPE_CHECKING:
    from cotrain.tasks import Task


@dataclass(frozen=True)
class TableData:
    """A coded table of N rows.

    Args:
        x: input name -> array [N, ...]: "numbers", "categories" and "bag:NAME" as in `InputSpec`, with an
            underscore for the colon, which Keras does not take in names.
        y: task -> float32 array [N, T], NaN where there is no label.
        reference_losses: task -> loss of the best constant prediction of these labels.
    """

    x: dict[str, np.ndarray]
    y: dict[str, np.ndarray]
    reference_losses: dict[str, float]

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        """Give x and y, for `x, y = table_data(...)`."""
        return iter((self.x, self.y))

    def dataset(self, batch_size: int = 32, *, shuffle: bool = True, seed: int = 0) -> tf.data.Dataset:
        """Return batches of (x, y).

        Args:
            batch_size: rows per batch, at least 1.
            shuffle: draw a new order of all rows in each epoch.
            seed: names the stream of orders.

        Raises:
            InvalidArgumentError: if the batch size is below 1.
        """
        if batch_size < 1:
            raise InvalidArgumentError(f"dataset(batch_size=...) must be at least 1, got {batch_size!r}.")
        rows = tf.data.Dataset.from_tensor_slices((self.x, self.y))
        if shuffle:
            n_rows = len(next(iter(self.x.values())))
            rows = rows.shuffle(n_rows, seed=mix_seed(seed, "table_data"), reshuffle_each_iteration=True)
        return rows.batch(batch_size).prefetch(tf.data.AUTOTUNE)


def table_data(frame: Any, schema: Schema, tasks: Sequence[Task]) -> TableData:
    """Code a table for Keras.

    Args:
        frame: N rows, of any kind of frame that narwhals reads.
        schema: fitted on training rows.
        tasks: fitted on training rows, as for the `Learner`.

    Raises:
        DataError: the table lacks columns, or has values that cannot be read.
        InvalidArgumentError: the schema has a column of words or sounds, or a task has weights of rows.

    Example:
        >>> import polars as pl
        >>> from cotrain.tasks import Binary
        >>> frame = pl.DataFrame({"x": [1.0, 2.0, 3.0] * 2, "sold": [1, 0, None] * 2})
        >>> task = Binary("sold")
        >>> task.fit(frame)
        >>> x, y = table_data(frame, Schema.infer(frame, exclude=["sold"]).fit(frame), [task])
        >>> x["numbers"].shape, y["sold"][:3, 0].tolist()
        ((6, 1), [1.0, 0.0, nan])
    """
    for task in tasks:
        if task.weight_column is not None:
            raise InvalidArgumentError(
                f"table_data gives no weights of rows, and task {task.name!r} has sample_weight "
                f"{task.weight_column!r}: leave it out, and give Keras the column as sample_weight in fit."
            )
    many = [*schema.spec().words, *schema.spec().sounds]
    if many:
        names = ", ".join(repr(name.partition(":")[2]) for name in many)
        raise InvalidArgumentError(
            f"table_data gives arrays of one length, and rows of words or sounds ({names}) have many: drop "
            "such columns, or make words text."
        )
    tensors = table_tensors(to_polars(frame), schema, tasks)
    undecoded = [
        name.partition(":")[2] for name, leaf in tensors["inputs"].items() if hasattr(leaf, "decoded")
    ]
    if undecoded:
        raise InvalidArgumentError(
            f"The pictures of {undecoded[0]!r} do not fit in memory, where table_data puts them: choose a "
            "smaller size under columns, or give fewer rows."
        )
    x = {name.replace(":", "_"): tensor.numpy() for name, tensor in tensors["inputs"].items()}
    y, references = {}, {}
    for task in tasks:
        targets, mask = tensors["targets"][task.name], tensors["masks"][task.name]
        y[task.name] = np.where(mask.numpy(), targets.numpy(), np.nan).astype(np.float32)
        references[task.name] = float(task.reference_loss(targets, mask))
    return TableData(x, y, references)
