"""Cells that list things, as lists or as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from cotrain._base import DataError, RowError

#: The column of the categories that a COCO document lists.
ANNOTATED = "annotated"

_FLAGS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


def listed_cells(column: pl.Series, task: str, things: str) -> list[list[Any] | None]:
    """Return the list of every row; `None` where the cell is empty.

    Args:
        column: of lists, or of their JSON.
        task: named in errors.
        things: that are listed, named in errors.

    Raises:
        DataError: a cell is no list, or no JSON.

    Example:
        >>> listed_cells(pl.Series("boxes", ["[1, 2]", "", None]), "boxes", "boxes")
        [[1, 2], None, None]
    """
    return [_list(cell, row, f"Task {task!r}", things) for row, cell in enumerate(column.to_list())]


def flag(thing: Mapping[str, Any], key: str, row: int, task: str, *, otherwise: bool) -> bool:
    """Return what a thing says of a yes-or-no key: true, false, 1, 0, or their words.

    Args:
        thing: as it is listed.
        key: that may be absent or null.
        row: of its cell, for errors.
        task: named in errors.
        otherwise: what holds where it says nothing.

    Raises:
        RowError: it says something else.

    Example:
        >>> flag({"crowd": "false"}, "crowd", 0, "boxes", otherwise=True)
        False
    """
    value = thing.get(key)
    if value is None:
        return otherwise
    word = str(value).strip().lower()
    if word not in _FLAGS:
        raise RowError(
            f"Task {task!r}, row {{row}}: {key} is {value!r}, expected true or false, or leave it out.", row
        )
    return _FLAGS[word]


def looked_for_column(frame: pl.DataFrame) -> str | None:
    """Return the column of the categories that COCO's documents list; `None`: the table has none.

    Example:
        >>> looked_for_column(pl.DataFrame({"annotated": [[{"label": "cat"}]]}))
        'annotated'
        >>> looked_for_column(pl.DataFrame({"annotated": ["by hand"]})) is None
        True
    """
    if ANNOTATED not in frame.columns:
        return None
    dtype = frame.schema[ANNOTATED]
    inner = dtype.inner if isinstance(dtype, pl.List) else None
    listed = isinstance(inner, pl.Struct) and [field.name for field in inner.fields] == ["label"]
    if not listed and dtype == pl.String:  # the JSON that a CSV file has of it
        known = frame[ANNOTATED].drop_nulls()
        listed = len(known) > 0 and known.str.contains(r'^\[(\{"label": ?"[^"]*"\}(, ?|\]$))+').all()
    return ANNOTATED if listed else None


def looked_for(column: pl.Series, task: str) -> list[set[str] | None]:
    """Return the classes that were looked for in every row; `None`: nobody said.

    Args:
        column: of lists, or their JSON, of names or of {"label": name}.
        task: named in errors.

    Raises:
        DataError: a cell is no list, or no JSON.

    Example:
        >>> looked_for(pl.Series(['["cat"]', '[{"label": "dog"}]', ""]), "boxes")
        [{'cat'}, {'dog'}, None]
    """
    lists = listed_cells(column, task, "classes")
    return [
        None
        if names is None
        else {str(one["label"] if isinstance(one, Mapping) and "label" in one else one) for one in names}
        for names in lists
    ]


def require_looked_for(frame: pl.DataFrame, column: str, labels: Sequence[str], task: str) -> None:
    """Raise `DataError` if COCO's documents list different categories: what has no outline may be of others.

    Args:
        frame: the rows.
        column: of the outlines; only rows with a cell count.
        labels: those that occur.
        task: named in errors.

    Example:
        >>> require_looked_for(pl.DataFrame({"mask": [None]}), "mask", ["cat"], "mask")
    """
    listing = looked_for_column(frame)
    for names in looked_for(frame.filter(pl.col(column).is_not_null())[listing], task) if listing else []:
        lacking = [] if names is None else [label for label in labels if label not in names]
        if lacking:
            raise DataError(
                f"Task {task!r}: not every document lists {', '.join(map(repr, lacking[:5]))} among its "
                "categories, and what has no outline there would be learned as background, though it may be "
                "that: add the category where somebody looked for it, and leave the other documents out."
            )


def require_pixels(places: Sequence[Sequence[float]], task: str, things: str) -> None:
    """Raise `DataError` if all places are parts of their pictures, which would be learned as their corner.

    Args:
        places: the numbers of each thing.
        task: named in errors.
        things: that are listed, named in errors.

    Example:
        >>> require_pixels([[3.0, 4.5], [0.5, 0.5]], "face", "points")
    """
    numbers = [number for place in places for number in place]
    if all(0 <= n <= 1 for n in numbers) and any(0 < n < 1 for n in numbers):
        raise DataError(
            f"Task {task!r}: all numbers of its {len(places)} {things} lie between 0 and 1, such as "
            f"{list(places[0])}, so they seem to be parts of the picture: multiply them by its width and "
            "height, as pixels are expected."
        )


def _list(cell: Any, row: int, task: str, things: str) -> list[Any] | None:
    found = cell
    if isinstance(cell, str):
        try:
            found = json.loads(cell) if cell else None
        except ValueError as error:
            raise RowError(
                f"{task}, row {{row}}: {cell[:80]!r} is no JSON ({error}), expected a list of {things}.", row
            ) from error
    if found is not None and not isinstance(found, list):
        raise RowError(
            f"{task}, row {{row}}: {str(cell)[:80]!r} is no list, expected a list of {things}.", row
        )
    return found
