"""A table whose empty target cells are filled, with confidence and provenance beside each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl
import torch

from cotrain._base import InvalidArgumentError
from cotrain.data import read_table

if TYPE_CHECKING:
    from cotrain.learner._learner import Learner

GIVEN, PREDICTED, OPEN = "given", "predicted", "open"


def complete(learner: Learner, data: object, *, least: float = 0.0) -> pl.DataFrame:
    """Fill the empty target cells of a table with what the learner predicts.

    Cells with a value stay as they are. Beside each target column stand COLUMN_confidence, the estimated
    probability that a predicted cell is right (empty for given cells and for numbers, of which one network
    cannot say how sure it is), and COLUMN_source: "given", "predicted", or "open" for a cell that stays empty
    because the prediction is not sure enough.

    Args:
        learner: fitted.
        data: rows with the input columns; a target column may be absent.
        least: confidence below which a cell stays empty, in [0, 1].

    Raises:
        DataError: input columns are missing or unreadable.
        InvalidArgumentError: `least` is out of range.
    """
    if not 0 <= least <= 1:
        raise InvalidArgumentError(f"complete(least={least!r}): expected a number in [0, 1].")
    frame = read_table(data)
    outputs = learner.outputs(frame)
    filled = frame
    for task in learner.coding.tasks:
        predicted = task.predict(outputs[task.name])
        confidence = task.confidence(outputs[task.name]).double().numpy()
        for place, column in enumerate(task.columns):
            values = pl.Series(column, predicted[column if column in predicted else task.name])
            sure = (
                confidence[:, place] if len(task.columns) == confidence.shape[1] else confidence.min(axis=1)
            )
            filled = _with_column(filled, column, values, None if task.coding == "number" else sure, least)
    return filled


def _with_column(
    frame: pl.DataFrame, column: str, values: pl.Series, sure: np.ndarray | None, least: float
) -> pl.DataFrame:
    given = frame[column] if column in frame.columns else pl.Series(column, [None] * frame.height)
    empty = given.is_null().to_numpy()
    if given.dtype.is_float():
        empty = empty | given.is_nan().fill_null(True).to_numpy()
    enough = np.ones(len(empty), dtype=bool) if sure is None else sure >= least
    fill = empty & enough
    kind = values.dtype if given.dtype == pl.Null else given.dtype
    if kind.is_integer() and values.dtype.is_float():
        kind = values.dtype
    joined = pl.select(
        pl.when(pl.Series(fill))
        .then(values.cast(kind, strict=False))
        .otherwise(given.cast(kind, strict=False))
    ).to_series()
    source = np.where(fill, PREDICTED, np.where(empty, OPEN, GIVEN))
    shown = pl.Series([None] * len(empty), dtype=pl.Float64)
    if sure is not None:
        shown = pl.Series(torch.from_numpy(sure).tolist()).set(pl.Series(~empty), None)
    return frame.with_columns(
        joined.alias(column),
        shown.alias(f"{column}_confidence"),
        pl.Series(f"{column}_source", source.tolist()),
    )
