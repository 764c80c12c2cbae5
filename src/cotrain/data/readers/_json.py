"""JSON lines, and JSON arrays of objects."""

from __future__ import annotations

import gzip
import json
from io import StringIO
from pathlib import Path
from typing import Any

import polars as pl

from cotrain._base import DataError
from cotrain.data._mixed import column_of
from cotrain.data.readers._coco import coco_table, is_coco

_EXACT = 2**53


def read_jsonl(path: Path) -> pl.DataFrame:
    """Return a table with one object a line; keys that a line lacks are empty.

    Blank lines are skipped; .gz is unpacked.

    Raises:
        DataError: a line is no object; with its number.
    """
    source = gzip.decompress(path.read_bytes()) if path.name.lower().endswith(".gz") else path
    try:
        frame = pl.read_ndjson(source, infer_schema_length=None)
    except pl.exceptions.PolarsError:
        return _read_slowly(path)
    # A fast reader has its own ideas of columns with several types: those are read value by value.
    return _read_slowly(path) if any(_doubtful(column) for column in frame.iter_columns()) else frame


def read_json(path: Path) -> pl.DataFrame:
    """Return a table from an array of objects or COCO's annotations; some tools write one object a line.

    Raises:
        DataError: it is none of these.
    """
    text = _text(path)
    if not text.lstrip().startswith("["):
        document = _document(text)
        return coco_table(document, path) if is_coco(document) else read_jsonl(path)
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise DataError(f"Cannot read {path} as .json: {error}.") from error
    for number, row in enumerate(rows, 1):
        if not isinstance(row, dict):
            raise DataError(f"Cannot read {path} as .json: item {number} of the array is no object.")
    return _table(rows)


def _text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.name.lower().endswith(".gz") else data).decode("utf-8-sig")


def _document(text: str) -> Any:
    """Return what a JSON document holds; `None` if it is none."""
    try:
        return json.loads(text)
    except ValueError:
        return None


def _doubtful(column: pl.Series) -> bool:
    if column.dtype.is_float():
        return bool((column.abs() >= _EXACT).any())
    plain = column.dtype.is_integer() or column.dtype in (pl.String, pl.Boolean, pl.List(pl.String))
    return not plain or column.dtype == pl.Int128


def _read_slowly(path: Path) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    with StringIO(_text(path)) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except ValueError as error:
                reason = "is cut off" if not line.endswith("\n") else f"is no JSON ({error})"
                raise DataError(f"Cannot read {path}: line {number} {reason}.") from error
            if not isinstance(row, dict):
                raise DataError(f"Cannot read {path}: line {number} is no object, but {type(row).__name__}.")
            rows.append(row)
    return _table(rows)


def _table(rows: list[dict[str, Any]]) -> pl.DataFrame:
    names = dict.fromkeys(key for row in rows for key in row)
    return pl.DataFrame([column_of(name, [row.get(name) for row in rows]) for name in names])
