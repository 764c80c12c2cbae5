"""A table whose empty target cells are filled, with confidence and provenance beside each."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from cotrain._base import InvalidArgumentError, at_least
from cotrain.cotraining import prediction_of_output
from cotrain.data import lossless, read_cells
from cotrain.tasks import Task

if TYPE_CHECKING:
    from cotrain.cotraining import Prediction
    from cotrain.learner._learner import Learner

GIVEN, PSEUDO, PREDICTED, OPEN = "given", "pseudo", "predicted", "open"


def complete(learner: Learner, data: object, *, min_confidence: float = 0.0) -> pl.DataFrame:
    """Fill the empty target cells of a table with what the learner predicts.

    Cells with a value stay as they are. Beside each target column stand

    - COLUMN_confidence: the estimated probability that a filled cell is right, corrected on the validation
      rows of the training; a number counts as right within half a standard deviation of the training labels,
      and then all cells of the column have the same. Empty for given cells, and for numbers without at least
      ten held-out labels;
    - COLUMN_source: "given"; "pseudo": co-training made a label of it, from which the network has learned;
      "predicted"; or "open": the cell stays empty, because the prediction is not sure enough;
    - after co-training also COLUMN_round and COLUMN_teacher: which round labelled a "pseudo" cell, and the
      names of the peers that did. Its confidence is theirs. Rows are known again by their inputs.

    Args:
        learner: fitted.
        data: rows with the input columns; a target column may be absent.
        min_confidence: below which a cell stays empty, in [0, 1]; where nothing is known of the confidence
            the cell is filled.

    Raises:
        DataError: input columns are missing or unreadable.
        InvalidArgumentError: `min_confidence` is out of range.
    """
    if not 0 <= min_confidence <= 1:
        raise InvalidArgumentError(
            f"complete(min_confidence={min_confidence!r}): expected a number in [0, 1]."
        )
    # What is filled in are the user's own cells; what is predicted from and counts as empty, the typed ones.
    is_file = isinstance(data, str | Path)
    filled = lossless(read_cells(data)) if is_file else read_cells(data)
    typed = learner.preprocessor.table(filled)
    inputs = learner.preprocessor.inputs(typed)
    outputs = learner.outputs(typed)
    for task in learner.preprocessor.tasks:
        prediction = prediction_of_output(task, outputs[task.name])
        sure = learner.fitted.confidence.sure(task, prediction)
        made = learner.fitted.provenance.pseudo_labels(task, inputs)
        if made is not None:
            sure, made = _with_teachers(task, prediction, sure, made)
        predicted = task.predict(outputs[task.name])
        for place, column in enumerate(task.columns):
            values = pl.Series(column, predicted[column if column in predicted else task.name])
            # The labels of a column of several are right together: the least sure one speaks for all.
            one = place if len(task.columns) == sure.shape[1] else int(sure.sum(axis=0).argmin())
            mine = sure[:, place] if len(task.columns) == sure.shape[1] else sure.min(axis=1)
            record = None if made is None else made.filter(pl.col("target") == one)
            absent = column not in filled.columns
            empty = np.ones(typed.height, bool) if absent else typed.frame[column].is_null().to_numpy()
            filled = _with_column(filled, column, values, empty, mine, min_confidence, record)
    return filled


def _with_teachers(
    task: Task, prediction: Prediction, sure: np.ndarray, made: pl.DataFrame
) -> tuple[np.ndarray, pl.DataFrame]:
    """Put in the teachers' confidence where the network says what they did; elsewhere they have no part."""
    if task.coding == "number":
        return sure, made
    said = prediction.classes().double().numpy().reshape(-1)
    value, confidence = (made[name].to_numpy() for name in ("value", "confidence"))
    alike = said == value  # a cell without a pseudo-label has NaN
    sure = np.where(alike, confidence, sure.reshape(-1)).reshape(sure.shape)
    kept = [pl.when(pl.Series(alike)).then(pl.col(name)).alias(name) for name in ("round", "teacher")]
    return sure, made.with_columns(kept)


def _with_column(
    frame: pl.DataFrame,
    column: str,
    values: pl.Series,
    empty: np.ndarray,
    sure: np.ndarray,
    min_confidence: float,
    made: pl.DataFrame | None,
) -> pl.DataFrame:
    given = frame[column] if column in frame.columns else pl.Series(column, [None] * frame.height)
    fill = empty & ~(sure < at_least(min_confidence))
    kind = values.dtype if given.dtype == pl.Null else given.dtype
    if kind.is_integer() and values.dtype.is_float():
        kind = values.dtype
    joined = pl.select(
        pl.when(pl.Series(fill))
        .then(values.cast(kind, strict=False))
        .otherwise(given.cast(kind, strict=False))
    ).to_series()
    source = np.where(fill, PREDICTED, np.where(empty, OPEN, GIVEN))
    shown = pl.Series(np.where(empty, sure, np.nan), dtype=pl.Float64).fill_nan(None)
    columns = {column: joined, f"{column}_confidence": shown}
    if made is not None:
        labelled = fill & made["round"].is_not_null().to_numpy()
        source = np.where(labelled, PSEUDO, source)
        for name in ("round", "teacher"):
            columns[f"{column}_{name}"] = made[name].set(pl.Series(~labelled), None)
    columns[f"{column}_source"] = pl.Series(source.tolist())
    return frame.with_columns(**columns)
