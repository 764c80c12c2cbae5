"""Targets that lie in a picture: a mask, a number of every pixel, or a list of boxes or points."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from difflib import SequenceMatcher

import numpy as np
import polars as pl

from cotrain._base import DataError
from cotrain.data._file_paths import is_paths
from cotrain.data._infer_kind import is_picture
from cotrain.data._label_cells import known_cells, labels_of_areas, labels_of_things
from cotrain.data._task_guess import TaskGuess
from cotrain.tasks.dense._masks import gaps_in_numbers, read_mask

#: So many masks are looked at.
_SAMPLE = 50
#: Names of columns that say what the numbers of their pictures are.
_DEPTH_NAME, _NORMALS_NAME = re.compile(r"(?i)depth|disparit|distance"), re.compile(r"(?i)normals?")


def infer_dense(values: pl.Series, pictures: Sequence[str], columns: Sequence[str]) -> TaskGuess | None:
    """Return the guess for a column of masks, of numbers for pixels, of boxes or points; `None`: it is none.

    Args:
        values: the target column.
        pictures: other columns of the table that hold pictures.
        columns: all columns of the table.

    Raises:
        DataError: the column holds pictures beside those of another column, and they are no masks.

    Example:
        >>> boxes = [[{"box": [2, 1, 4, 4], "label": "cat"}], [], None]
        >>> infer_dense(pl.Series("boxes", boxes), ["file"], ["file", "boxes"]).options
        {'picture': 'file'}
    """
    for kind, form, what in (
        ("Detection", "box", "lists of boxes, of {} classes"),
        ("Keypoints", "point", "lists of {} points"),
        ("Segmentation", "area", "areas of {} classes beside the background"),
    ):
        labels = labels_of_areas(values) if form == "area" else labels_of_things(values, form)
        if labels is None:
            continue
        sized = {"width", "height"} <= set(columns)
        # Areas say themselves how large their picture is.
        asked = len(pictures) > 1 or (pictures and not sized and form != "area")
        options = {"picture": _nearest(values.name, pictures)} if asked else {}
        beside = ("width", "height") if sized else ()
        why = f"{what.format(len(labels))}: {', '.join(labels[:5])}"
        return TaskGuess(values.name, kind, why, known_cells(values).len(), options, beside)
    if pictures and is_paths(known_cells(values), (".npy",)):
        return _of_one(_field(values, "arrays in files"), pictures)
    if pictures and is_picture(values):
        return _of_one(_in_pixels(values), pictures)
    return None


def _of_one(guess: TaskGuess, pictures: Sequence[str]) -> TaskGuess:
    """Say in which of several pictures it is: the one whose name is most like that of the target."""
    if len(pictures) < 2:
        return guess
    return replace(guess, options={**guess.options, "picture": _nearest(guess.name, pictures)})


def _nearest(target: str, pictures: Sequence[str]) -> str:
    likeness = {name: SequenceMatcher(None, target, name).ratio() for name in pictures}
    return max(pictures, key=likeness.__getitem__)


def _in_pixels(values: pl.Series) -> TaskGuess:
    if _NORMALS_NAME.search(values.name):
        return _field(values, "pictures, named like directions")
    known = known_cells(values)
    try:
        masks = [read_mask(cell) for cell in known.head(_SAMPLE).to_list()]
    except DataError as error:
        raise DataError(
            f"Target {values.name!r} holds pictures, which as masks of class numbers cannot be read: {error}"
        ) from error
    largest = max((int(mask[mask != 255].max()) for mask in masks if (mask != 255).any()), default=0)
    if largest > 254:
        return _field(values, f"pictures of numbers up to {largest:,}, more than masks have classes")
    found = np.unique(np.concatenate([np.unique(mask) for mask in masks])) if masks else np.zeros(0)
    if len(found) == 2 and found[1] == 255:
        raise DataError(
            f"Target {values.name!r} holds masks of {found[0]} and 255, and 255 means that a pixel is not "
            "labelled: save the class as 1."
        )
    if gaps := gaps_in_numbers([int(number) for number in found if number != 255]):
        raise DataError(f"Target {values.name!r} holds masks of {gaps}.")
    why = f"pictures of class numbers, 0 to {largest}"
    return TaskGuess(values.name, "Segmentation", why, len(known), {})


def _field(values: pl.Series, why: str) -> TaskGuess:
    named = "normals" if _NORMALS_NAME.search(values.name) else "values"
    quantity = "depth" if _DEPTH_NAME.search(values.name) else named
    options = {} if quantity == "depth" else {"quantity": quantity}
    return TaskGuess(values.name, "DenseRegression", f"{why}: {quantity}", known_cells(values).len(), options)
