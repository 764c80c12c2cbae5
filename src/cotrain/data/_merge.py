"""One table that lies in several files: rows below one another, columns beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from cotrain._base import DataError
from cotrain.data.readers._coco import with_columns_alike

#: (name of the file, its cells).
NamedFrame = tuple[str, pl.DataFrame]
#: Whether all are numbers -> the type that holds what two types hold.
_TYPES: dict[bool, type[pl.DataType]] = {True: pl.Float64, False: pl.String}


def merge_files(files: Sequence[NamedFrame]) -> pl.DataFrame:
    """Return the one table that lies in several files.

    Files with the same columns hold different rows of it, which come below one another. Files with other
    columns know more of the first one's rows, and are joined to it by all columns that they share with it: a
    row keeps its place, and is empty where the other file does not know it. A label file such as COCO's thus
    goes beside the table of its pictures. Where no value of a column is the same in both, and both are paths,
    the names of the files without their folders are compared. COCO documents hold different rows whichever of
    keypoints and masks they have.

    Args:
        files: at least one.

    Raises:
        DataError: two files share no column, or one of lists or masks; a file has two rows for one of the
            first, or a row that the first one does not know.

    Example:
        >>> pictures = pl.DataFrame({"file": ["a.png", "b.png"], "stain": ["pink", "blue"]})
        >>> counts = pl.DataFrame({"file": ["images/b.png"], "count": [3]})
        >>> merge_files([("pictures.csv", pictures), ("counts.csv", counts)]).rows()
        [('a.png', 'pink', None), ('b.png', 'blue', 3)]
    """
    first, *others = _stacked(files)
    name, frame = first
    for other in others:
        frame = _joined((name, frame), other)
    return frame


def _stacked(files: Sequence[NamedFrame]) -> list[NamedFrame]:
    """Return the files with those of equal columns in one, in the order of the first of each."""
    groups: dict[frozenset[str], list[NamedFrame]] = {}
    for name, frame in with_columns_alike(files):
        groups.setdefault(frozenset(frame.columns), []).append((name, frame))
    stacked = []
    for members in groups.values():
        stacked.append((", ".join(name for name, _ in members), pl.concat(_alike(members))))
    return stacked


def _alike(members: Sequence[NamedFrame]) -> list[pl.DataFrame]:
    """Return the frames with one type for each column: numbers where all are such, else text."""
    changes: dict[str, Any] = {}
    for column, dtype in members[0][1].schema.items():
        # A column without a value has no type of its own.
        found = {frame.schema[column] for _, frame in members if frame[column].null_count() < frame.height}
        if len(found) > 1 and any(one.is_nested() for one in found):
            files = " and ".join(name for name, _ in members)
            raise DataError(f"{files}: {column!r} has lists in one and other values in another.")
        numbers = all(one.is_numeric() for one in found)
        changes[column] = next(iter(found or {dtype})) if len(found) < 2 else _TYPES[numbers]
    return [frame.select(list(changes)).cast(pl.Schema(changes)) for _, frame in members]


def _joined(first: NamedFrame, other: NamedFrame) -> pl.DataFrame:
    """Return the first table with the columns that only the other has."""
    (name, frame), (other_name, more) = first, other
    shared = [column for column in more.columns if column in frame.columns]
    lists = [column for column in shared if any(one[column].dtype.is_nested() for one in (frame, more))]
    if lists:
        raise DataError(
            f"{other_name} and {name} both have a column {lists[0]!r}, which in one holds lists or masks "
            "that do not say which rows belong together: rename it in one of them, or take it out there."
        )
    if not shared:
        raise DataError(
            f"{other_name} and {name} share no column by which their rows belong together: give them one, or "
            "name both as sources of their own, NAME=TABLE."
        )
    keys, more_keys = _keys(frame, more, shared)
    if more_keys.is_duplicated().any():
        twice = more.filter(more_keys.is_duplicated())
        raise DataError(
            f"{other_name} has {twice.height} rows that are not the only ones of their {_told(shared)}, such "
            f"as {_values(twice.row(0, named=True), shared)}: a row of {name} can take one."
        )
    unknown = more_keys.join(keys, on=shared, how="anti", nulls_equal=True)
    if unknown.height:
        raise DataError(
            f"{unknown.height} of {more.height} rows of {other_name} have a {_told(shared)} that {name} does "
            f"not have, such as {_values(unknown.row(0, named=True), shared)}: add them there, or take them "
            "out."
        )
    beside = more_keys.with_columns(more.drop(shared).iter_columns())
    found = keys.join(beside, on=shared, how="left", nulls_equal=True, maintain_order="left")
    return frame.with_columns(found.drop(shared).iter_columns())


def _keys(
    frame: pl.DataFrame, more: pl.DataFrame, shared: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the shared columns of both as text, without folders where only these differ."""
    left, right = (one.select(pl.col(shared).cast(pl.String)) for one in (frame, more))
    for column in shared:
        if not right[column].is_in(left[column].implode()).any():
            bare = pl.col(column).str.split("/").list.last()
            if right.select(bare)[column].is_in(left.select(bare)[column].implode()).any():
                left, right = left.with_columns(bare), right.with_columns(bare)
    return left, right


def _told(columns: Sequence[str]) -> str:
    return " and ".join(repr(column) for column in columns)


def _values(row: dict[str, object], columns: Sequence[str]) -> str:
    return ", ".join(repr(row[column]) for column in columns)
