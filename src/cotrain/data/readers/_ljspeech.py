"""Recordings and their texts in the layout of the LJ Speech data set: metadata.csv beside a folder wavs."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from cotrain._base import DataError

#: Number of cells in a line -> what they are called.
_NAMES = {2: ("file", "text"), 3: ("file", "text", "normalized_text")}
_FOLDER, _MARK = "wavs", "|"


def is_ljspeech(path: Path) -> bool:
    """Whether a text file has no header, and its first line names a recording of the folder `wavs` beside it.

    Example:
        >>> is_ljspeech(Path("nowhere.csv"))
        False
    """
    if not (path.parent / _FOLDER).is_dir() or not path.is_file():
        return False
    with path.open("rb") as file:
        first = file.readline().decode("utf-8-sig", errors="replace").rstrip("\r\n").split(_MARK)
    return len(first) in _NAMES and bool(first[0].strip()) and (path.parent / _wav(first[0])).is_file()


def read_ljspeech(path: Path) -> pl.DataFrame:
    """Return the columns `file`, `text` and, with three cells a line, `normalized_text`.

    A line is the name of a recording without its ending, what is said, and the same with numbers and
    abbreviations spelled out. Quotes are characters like any other.

    Source: https://keithito.com/LJ-Speech-Dataset/

    Args:
        path: of which `is_ljspeech` holds.

    Raises:
        DataError: a line has another number of cells than the first one; with its number.
    """
    rows: list[list[str]] = []
    for number, line in enumerate(path.read_text("utf-8-sig").split("\n"), 1):
        if not line.strip():
            continue
        cells = line.rstrip("\r").split(_MARK)
        if rows and len(cells) != len(rows[0]):
            raise DataError(
                f"Cannot read {path}: line {number} has {len(cells)} cells, the first line has "
                f"{len(rows[0])}, separated by {_MARK!r}."
            )
        rows.append([str(_wav(cells[0])), *cells[1:]])
    names = _NAMES[len(rows[0])]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


def _wav(name: str) -> Path:
    return Path(_FOLDER) / (name if name.lower().endswith(".wav") else f"{name}.wav")
