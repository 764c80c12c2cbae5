"""Cells that list boxes, points or areas with their labels, as lists and mappings or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import polars as pl

from cotrain._base import DataError
from cotrain.tasks.dense._areas import BACKGROUND, Areas

#: So many cells are looked at to tell labels from text.
_SAMPLE = 20


def are_labelled_things(values: pl.Series) -> bool:
    """Whether a column of text is the JSON of boxes, points or areas: labels, and no text to read.

    Example:
        >>> are_labelled_things(pl.Series(['[{"box": [2, 1, 4, 4], "label": "cat"}]', "[]"]))
        True
        >>> are_labelled_things(pl.Series(["[1] says so", "{x}"]))
        False
    """
    if values.dtype != pl.String:
        return False
    cells = known_cells(values)
    # Pictures in which nothing is say nothing of the form.
    cells = cells.filter(cells != "[]").head(_SAMPLE)
    if not len(cells) or not cells.str.contains(r"^\s*(\[\s*)?\{").all():
        return False
    try:
        return (
            any(labels_of_things(cells, form) is not None for form in ("box", "point"))
            or _areas(cells) is not None
        )
    except DataError:
        return False


def known_cells(values: pl.Series) -> pl.Series:
    """Return the cells that are neither null nor empty text.

    Example:
        >>> known_cells(pl.Series(["a", "", None])).to_list()
        ['a']
    """
    known = values.drop_nulls()
    return known.filter(known != "") if known.dtype == pl.String else known


def labels_of_areas(values: pl.Series) -> list[str] | None:
    """Return the sorted labels of a column of masks that are areas, or their JSON; `None`: it is none.

    Args:
        values: the column.

    Raises:
        DataError: the cells are areas, and of another form than these have.

    Example:
        >>> labels_of_areas(pl.Series(['{"height": 2, "width": 2, "areas": []}'])) is None
        True
    """
    try:
        found = _areas(known_cells(values))
    except DataError as error:
        raise DataError(f"Target {values.name!r}: {error}") from error
    labels = {label for areas in found or [] for label in areas.labels} - {BACKGROUND}
    return sorted(labels) or None


def _areas(cells: pl.Series) -> list[Areas] | None:
    """Return the areas of every cell; `None`: these are none."""
    if cells.dtype == pl.String:
        if not cells.str.contains(r'^\s*\{[^\[]*"areas"').all():
            return None
    elif not (isinstance(cells.dtype, pl.Struct) and "areas" in cells.struct.fields):
        return None
    found = [Areas.of(cell) for cell in cells.to_list()]
    return None if None in found else [areas for areas in found if areas is not None]


def labels_of_things(values: pl.Series, form: str) -> list[str] | None:
    """Return the sorted labels of a column of lists, or JSON, of boxes or points; `None`: it is none.

    Args:
        values: the column.
        form: "box" or "point".

    Example:
        >>> labels_of_things(pl.Series(['[{"box": [2, 1, 4, 4], "label": "cat"}]', "[]"]), "box")
        ['cat']
    """
    cells = known_cells(values).to_list()
    if values.dtype == pl.String:
        if not all(cell.startswith("[") for cell in cells):
            return None
        try:
            cells = [json.loads(cell) for cell in cells]
        except ValueError:
            return None
    things = [thing for cell in cells if isinstance(cell, list) for thing in cell]
    if not things or not all(_has_form(thing, form) for thing in things):
        return None
    return sorted({str(thing["label"]) for thing in things})


def _has_form(thing: Any, form: str) -> bool:
    whole = isinstance(thing, Mapping) and isinstance(thing.get(form), list)
    return whole and thing.get("label") is not None
