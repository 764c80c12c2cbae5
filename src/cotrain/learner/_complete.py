"""A table whose empty target cells are filled, with confidence and provenance beside each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from cotrain._base import DataError, InvalidArgumentError, at_least
from cotrain._base._ragged import Leaves
from cotrain.cotraining import prediction_of_output
from cotrain.data import lossless, read_cells
from cotrain.data._durations import spans_like
from cotrain.data._frames import frame_like
from cotrain.learner._confidence import predicted_classes
from cotrain.learner._fitted_model import FittedModel
from cotrain.learner._label_types import restore_pandas
from cotrain.tasks import HypothesisLabelling, Task
from cotrain.tasks._condition import rows_where

if TYPE_CHECKING:
    from cotrain.cotraining import Prediction
    from cotrain.learner._learner import Learner

GIVEN, PSEUDO, PREDICTED, OPEN = "given", "pseudo", "predicted", "open"
#: The task does not exist in this row: its `when` does not hold.
NONE = "none"


def complete(learner: Learner | FittedModel, data: object, *, min_confidence: float = 0.0) -> Any:
    """Fill the empty target cells of a table with what the learner predicts.

    Cells with a value and the other columns stay as they are, to the last bit; a number that is filled into a
    column of whole numbers is rounded. Beside each target column stand

    - COLUMN_confidence: the estimated probability that a filled cell is right, corrected on the validation
      rows of the training; a number counts as right within half a standard deviation of the training labels,
      and then all cells of the column have the same. Empty for given cells, for numbers without at least
      ten held-out labels, for tags of words, which are many answers a cell, and for texts that are heard,
      but those that co-training made labels of;
    - COLUMN_source: "given"; "pseudo": co-training made a label of it, from which the network has learned;
      "predicted"; "open": the cell stays empty, because the prediction is not sure enough, the column has no
      room for it, or it is one of masks, fields or boxes, which `predict` gives; or "none": it stays empty,
      because the task's `when` does not hold in this row;
    - after co-training also COLUMN_round and COLUMN_teacher: which round labelled a "pseudo" cell, and the
      names of the peers that did. Its confidence is theirs. Rows are known again by their inputs.

    Args:
        learner: fitted, or its fitted model.
        data: rows with the input columns; a target column may be absent.
        min_confidence: below which a cell stays empty, in [0, 1]; where nothing is known of the confidence
            the cell is filled.

    Returns:
        A frame of the caller's own kind with its own columns, as they were (polars for paths and data sets).

    Raises:
        DataError: input columns are missing or unreadable, or the table has columns of these names.
        InvalidArgumentError: `min_confidence` is out of range.

    Example:
        >>> import cotrain as ct
        >>> frame = pl.DataFrame({"x": [0.0, 1.0] * 20, "sold": [False, True] * 18 + [None] * 4})
        >>> learner = ct.Learner([ct.tasks.Binary("sold")], training=ct.Training(epochs=2, batch_size=8))
        >>> learner = learner.fit(frame, None, progress=False)
        >>> complete(learner, frame)["sold"].null_count()
        0
    """
    if not 0 <= min_confidence <= 1:
        raise InvalidArgumentError(
            f"complete(min_confidence={min_confidence!r}): expected a number in [0, 1]."
        )
    # What is filled in are the user's own cells; what is predicted from and counts as empty, the typed ones.
    is_file = isinstance(data, str | Path)
    filled = lossless(read_cells(data)) if is_file else read_cells(data)
    model = learner if isinstance(learner, FittedModel) else learner.fitted
    typed = model.preprocessor.table(filled)
    outputs = model.outputs(typed)
    # Rows are known again by their inputs, which nobody asks for without pseudo-labels.
    inputs = model.preprocessor.inputs(typed) if model.provenance.cells.height else {}
    predicted = model.preprocessor.decoded(outputs)
    _require_room(model, filled.columns)
    absent = [c for task in model.preprocessor.tasks for c in task.columns if c not in filled.columns]
    for task in model.preprocessor.tasks:
        sure, made = _sure_and_made(model, task, outputs[task.name], inputs)
        # By its own condition, which the table must be able to answer.
        holds = None if task.when is None else rows_where(typed.frame, task.when, task.name).numpy()
        for place, column in enumerate(task.columns):
            values = predicted[column if column in predicted.columns else task.name]
            if not task.plain_cells:
                # Boxes are predicted in parts of a picture, masks and sounds as bytes: not as given ones are.
                values = values.clear(len(values))
            # The labels of a column of several are right together: the least sure one speaks for all.
            one = place if len(task.columns) == sure.shape[1] else int(sure.sum(axis=0).argmin())
            mine = sure[:, place] if len(task.columns) == sure.shape[1] else sure.min(axis=1)
            record = None if made is None else made.filter(pl.col("target") == one)
            known = column not in absent
            empty = typed.frame[column].is_null().to_numpy() if known else np.ones(typed.height, bool)
            filled = _with_column(
                filled, column, values, (empty, holds), sure=mine, min_confidence=min_confidence, made=record
            )
    targets = [c for task in model.preprocessor.tasks for c in task.columns if c not in absent]
    cells = {c: filled[f"{c}_source"].is_in([PREDICTED, PSEUDO]).to_numpy() for c in targets}
    made = frame_like(filled, data, cells)
    return restore_pandas(made, model.preprocessor.labels, {column: column for column in absent})


def _sure_and_made(
    model: FittedModel, task: Task, output: Any, inputs: Leaves
) -> tuple[np.ndarray, pl.DataFrame | None]:
    """Return how sure each target is, [N, T], and what co-training made of it."""
    made = model.provenance.pseudo_labels(task, inputs)
    heard = task.hypothesis_labelling()
    if heard is not None:
        sure = np.full((len(output), 1), np.nan)
        return (sure, made) if made is None else _with_texts(heard, output, sure, made)
    if task.reads != "vector":
        # Words, pixels and boxes are not right or wrong together: of the whole cell nothing is known.
        return np.full((len(output), len(task.columns)), np.nan), None
    prediction = prediction_of_output(task, output)
    sure = model.confidence.sure(task, prediction)
    return (sure, made) if made is None else _with_teachers(task, prediction, sure, made)


def _with_teachers(
    task: Task, prediction: Prediction, sure: np.ndarray, made: pl.DataFrame
) -> tuple[np.ndarray, pl.DataFrame]:
    """Put in the teachers' confidence where the network says what they did; elsewhere they have no part."""
    if not task.has_classes:
        return sure, made
    said = predicted_classes(task, prediction).double().numpy().reshape(-1)
    # A cell without a pseudo-label has NaN.
    return _where_alike(said == made["value"].to_numpy(), sure, made)


def _with_texts(
    labelling: HypothesisLabelling, output: Any, sure: np.ndarray, made: pl.DataFrame
) -> tuple[np.ndarray, pl.DataFrame]:
    """Put in the teachers' confidence where the network hears what they did; of other texts none is known."""
    said = [labelling.text_of(row) for row in labelling.heard(output).numpy()]
    alike = np.array([one == text for one, text in zip(said, made["text"], strict=True)], bool)
    return _where_alike(alike, sure, made)


def _where_alike(alike: np.ndarray, sure: np.ndarray, made: pl.DataFrame) -> tuple[np.ndarray, pl.DataFrame]:
    confidence = made["confidence"].to_numpy()
    sure = np.where(alike, confidence, sure.reshape(-1)).reshape(sure.shape)
    kept = [pl.when(pl.Series(alike)).then(pl.col(name)).alias(name) for name in ("round", "teacher")]
    return sure, made.with_columns(kept)


def _require_room(model: FittedModel, columns: Sequence[str]) -> None:
    """Raise `DataError` if what stands beside a target would overwrite a column."""
    marks = ["confidence", "source", *(["round", "teacher"] if model.provenance.cells.height else [])]
    targets = [column for task in model.preprocessor.tasks for column in task.columns]
    for column in targets:
        for name in (f"{column}_{mark}" for mark in marks):
            if name in columns or name in targets:
                raise DataError(
                    f"complete writes {name!r} beside {column!r}, and the table has a column of that name: "
                    "rename it or leave it out."
                )


def _with_column(
    frame: pl.DataFrame,
    column: str,
    values: pl.Series,
    empty_and_holds: tuple[np.ndarray, np.ndarray | None],
    *,
    sure: np.ndarray,
    min_confidence: float,
    made: pl.DataFrame | None,
) -> pl.DataFrame:
    empty, holds = empty_and_holds
    absent = column not in frame.columns
    given = pl.Series(column, [None] * frame.height, dtype=values.dtype) if absent else frame[column]
    if given.dtype == pl.Null:
        given = given.cast(values.dtype)
    exists = np.ones(frame.height, bool) if holds is None else holds
    spans = spans_like(values, given)
    fitting = _as(values, given.dtype) if spans is None else spans
    fill = empty & exists & ~(sure < at_least(min_confidence)) & fitting.is_not_null().to_numpy()
    joined = given.zip_with(pl.Series(~fill), fitting) if fill.any() else given
    source = np.where(fill, PREDICTED, np.where(~empty, GIVEN, np.where(exists, OPEN, NONE)))
    shown = pl.Series(np.where(empty & exists, sure, np.nan), dtype=pl.Float64).fill_nan(None)
    columns = {column: joined, f"{column}_confidence": shown}
    if made is not None:
        labelled = fill & made["round"].is_not_null().to_numpy()
        source = np.where(labelled, PSEUDO, source)
        for name in ("round", "teacher"):
            columns[f"{column}_{name}"] = made[name].set(pl.Series(~labelled), None)
    columns[f"{column}_source"] = pl.Series(source.tolist(), dtype=pl.String)
    return frame.with_columns(**columns)


def _as(values: pl.Series, dtype: pl.DataType) -> pl.Series:
    """Return predictions in the type of a column, null where it has no room for one."""
    if dtype.is_integer() and values.dtype.is_float():
        values = values.round()
    if values.dtype == pl.String and dtype in (pl.Date, pl.Datetime):
        moments = pl.Series(values.name, [_moment(text) for text in values], dtype=pl.Datetime("us"))
        return moments.cast(dtype, strict=False)
    if values.dtype.is_nested() and dtype == pl.String:
        spelled = [
            None if cell is None else json.dumps(cell, ensure_ascii=False) for cell in values.to_list()
        ]
        return pl.Series(values.name, spelled, dtype=pl.String)
    if values.dtype == pl.String and dtype == pl.Boolean:
        return values.str.to_lowercase().replace_strict(
            ["true", "false"], [True, False], default=None, return_dtype=pl.Boolean
        )
    try:
        return values.cast(dtype, strict=False)
    except pl.exceptions.PolarsError:
        return pl.Series(values.name, [None] * len(values), dtype=dtype)


def _moment(text: str | None) -> datetime | None:
    """Return the moment that a class spells, in UTC without a zone, as classes of dates are spelled."""
    try:
        found = None if text is None else datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found is None or found.tzinfo is None else found.astimezone(UTC).replace(tzinfo=None)
