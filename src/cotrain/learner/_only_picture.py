"""Which picture things lie in, where a table has but one column of pictures and nobody says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, runtime_checkable

import polars as pl

from cotrain.data import ColumnChoice
from cotrain.data._infer_kind import infer_kind
from cotrain.data.columns import Picture
from cotrain.tasks import Task


@runtime_checkable
class LyingInPictures(Protocol):
    """A kind of task whose labels are in pixels of a picture."""

    def lacks_picture(self, frame: pl.DataFrame) -> bool:
        """Return whether neither the user nor the table says how large the pictures are."""

    def take_picture(self, column: str) -> None:
        """Take the pictures of this column for those that the labels are of."""


def name_only_picture(
    tasks: Sequence[Task], frame: pl.DataFrame, columns: Mapping[str, ColumnChoice], exclude: Sequence[str]
) -> None:
    """Tell tasks that ask for it the one column of pictures; where there are several the task asks the user.

    Args:
        tasks: not yet fitted.
        frame: the training rows.
        columns: kinds of input columns that the user has chosen.
        exclude: columns that are no inputs.
    """
    asking = [task for task in tasks if isinstance(task, LyingInPictures) and task.lacks_picture(frame)]
    if not asking:
        return
    free = [name for name in frame.columns if name not in exclude]
    pictures = [name for name in free if _is_picture(frame[name], columns.get(name))]
    for task in asking if len(pictures) == 1 else []:
        task.take_picture(pictures[0])


def _is_picture(values: pl.Series, choice: ColumnChoice | None) -> bool:
    if choice is not None:
        return (choice if isinstance(choice, str) else choice.get("kind")) == "picture"
    if values.dtype.is_numeric() or values.dtype.is_temporal() or values.dtype == pl.Boolean:
        return False
    return isinstance(infer_kind(values).column, Picture)
