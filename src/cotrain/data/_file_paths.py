"""Paths of pictures, sounds and NumPy files in a table, relative to the file that it was read from."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from cotrain._base._pictures import PICTURE_ENDINGS
from cotrain._base._sounds import SOUND_ENDINGS

#: So many values are looked at to tell whether a column holds paths.
_SAMPLE = 20


def is_paths(values: pl.Series, endings: tuple[str, ...], folder: Path | None = None) -> bool:
    """Whether a column of text holds paths of files.

    The first ones all end as such files do, and one of them at least exists: whoever reads the files says
    which are lacking, where a column of names would be learned as text.

    Args:
        values: some may be null.
        endings: of the names of such files, in lower case.
        folder: what relative paths are relative to; `None`: the working directory.

    Example:
        >>> is_paths(pl.Series(["a.png", "nowhere.png"]), PICTURE_ENDINGS)
        False
    """
    return any(_located(text, folder).is_file() for text in _names(values, endings))


def absent_file(values: pl.Series, endings: tuple[str, ...]) -> str | None:
    """Return the first of a column's names of files where none of them exists; `None`: it is no such column.

    Args:
        values: some may be null.
        endings: of the names of such files, in lower case.

    Example:
        >>> absent_file(pl.Series(["a.png", "nowhere.png"]), PICTURE_ENDINGS)
        'a.png'
        >>> absent_file(pl.Series(["https://example.org/a.png"]), PICTURE_ENDINGS) is None
        True
    """
    names = [name for name in _names(values, endings) if "://" not in name]
    return names[0] if names and not is_paths(values, endings) else None


def with_whole_paths(frame: pl.DataFrame, folder: Path) -> pl.DataFrame:
    """Return a table whose columns of paths lead from the root, wherever the process may go.

    Args:
        frame: as it was read.
        folder: of its file. Only columns whose first values are files there are changed.
    """
    found = [
        series.name
        for series in frame.iter_columns()
        if is_paths(series, (*PICTURE_ENDINGS, *SOUND_ENDINGS, ".npy"), folder)
    ]
    whole = [
        pl.Series(
            name,
            [text if not text else str(_located(text, folder).absolute()) for text in frame[name].to_list()],
            dtype=pl.String,
        )
        for name in found
    ]
    return frame.with_columns(whole) if whole else frame


def _names(values: pl.Series, endings: tuple[str, ...]) -> list[str]:
    """Return the first values of a column of text if all of them end so, else none."""
    if values.dtype != pl.String:
        return []
    known = values.filter(values.str.len_chars() > 0).head(_SAMPLE).to_list()
    return known if all(text.lower().endswith(endings) for text in known) else []


def _located(text: str, folder: Path | None) -> Path:
    return Path(text) if folder is None else folder / text
