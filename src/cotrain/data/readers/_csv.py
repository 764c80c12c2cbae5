"""CSV and TSV files."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from cotrain._base import DataError
from cotrain.data._decimal_comma import parse_decimal_commas
from cotrain.data._frames import require_unique
from cotrain.data.readers._lines import Lines, ragged

#: Who separates by the first ones hardly has as many of them inside of every row's cells.
SEPARATORS = "\t;|,"
#: A first line that says what separates the others; what stands behind it begins with its line break.
_NAMED = re.compile(rb"\"?sep=([\t;|,])\"?(?=\r?\n)")


def read_csv(path: Path) -> pl.DataFrame:
    """Return the cells of a CSV file as text.

    The separator (comma, semicolon, tab, bar) is the one that divides all rows into as many cells as the
    header, quotes respected, or the one that a first line such as `sep=;` names, as Excel reads it. Blank
    lines are skipped. Where semicolons separate, the comma is the decimal mark: columns of numbers like
    1.234,56 are read as numbers.

    Args:
        path: the file; .gz is unpacked, .tsv is separated by tabs; UTF-8, or UTF-16 with a byte order mark.

    Raises:
        DataError: a row has more or fewer cells than the header, or the file ends within quotes; with the
            number of the line.
    """
    data = _utf8(
        gzip.decompress(path.read_bytes()) if path.name.lower().endswith(".gz") else path.read_bytes()
    )
    named = _NAMED.match(data)
    # An empty line in its place: lines keep their numbers.
    data = data[named.end() :] if named else data
    lines = Lines(data)
    is_tsv = ".tsv" in (suffix.lower() for suffix in path.suffixes[-2:])
    separator = named[1].decode() if named else "\t" if is_tsv else lines.separator(SEPARATORS)
    frame = None
    if lines.regular(separator):
        lines.require_even(separator, str(path))
        header = next(csv.reader(io.StringIO(lines.header(separator), newline=""), delimiter=separator))
        require_unique(header, str(path))
        frame = _parsed(lines.without_blanks(separator), separator)
        if frame is not None and (frame.height != lines.n_rows(separator) or frame.width != len(header)):
            frame = None
    if frame is None:
        frame = _read_slowly(data, separator, str(path))
    return parse_decimal_commas(frame) if separator == ";" else frame


def _utf8(data: bytes) -> bytes:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16").encode()
    data = data.removeprefix(b"\xef\xbb\xbf")
    if not data.isascii():
        data.decode("utf-8")
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def _parsed(data: bytes, separator: str) -> pl.DataFrame | None:
    try:
        return pl.read_csv(data, separator=separator, infer_schema=False)
    except pl.exceptions.PolarsError:
        return None


def _read_slowly(data: bytes, separator: str, name: str) -> pl.DataFrame:
    """Read cell by cell, which takes quotes in the middle of a cell for what they are."""
    reader = csv.reader(io.StringIO(data.decode("utf-8"), newline=""), delimiter=separator)
    header: list[str] = []
    rows: list[list[str]] = []
    start = 1
    for row in _rows(reader, name):
        blank = not row or (len(row) == 1 and not row[0].strip())
        if not header and not blank:
            require_unique(row, name)
            header = row
        elif header and (not blank or len(header) == 1):
            if len(row or [""]) != len(header):
                raise ragged(name, start, len(row), len(header))
            rows.append(row or [""])
        start = reader.line_num + 1
    columns = list(zip(*rows, strict=True)) or [()] * len(header)
    return pl.DataFrame(
        [pl.Series(key, cells, dtype=pl.String) for key, cells in zip(header, columns, strict=True)]
    )


def _rows(reader: Iterator[list[str]], name: str) -> Iterator[list[str]]:
    try:
        yield from reader
    except csv.Error as error:
        raise DataError(f"Cannot read {name}: {error}: a quote is missing, or one too many.") from error
