"""All the tensors of a table, built once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl
from torch import Tensor

from cotrain.data._schema import Schema
from cotrain.tasks import Task


def table_tensors(
    frame: pl.DataFrame, schema: Schema, tasks: Sequence[Task]
) -> dict[str, dict[str, Tensor] | Any]:
    """Return {"inputs": ..., "targets": {task: [N, T]}, "masks": {task: [N, T]}} for `Batches`.

    Args:
        frame: N rows.
        schema: fitted.
        tasks: fitted.

    Raises:
        DataError: the table lacks columns, or has values that cannot be read.

    Example:
        >>> from cotrain.tasks import Binary
        >>> frame = pl.DataFrame({"x": [1.0, 2.0, 3.0] * 2, "sold": [1, 0, None] * 2})
        >>> task = Binary("sold")
        >>> task.fit(frame)
        >>> tensors = table_tensors(frame, Schema.infer(frame, exclude=["sold"]).fit(frame), [task])
        >>> tensors["masks"]["sold"][:, 0].tolist()
        [True, True, False, True, True, False]
    """
    coded = {task.name: task.encode(frame) for task in tasks}
    return {
        "inputs": schema.encode(frame),
        "targets": {name: targets for name, (targets, _) in coded.items()},
        "masks": {name: mask for name, (_, mask) in coded.items()},
    }
