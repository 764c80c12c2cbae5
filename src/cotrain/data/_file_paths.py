"""Paths of pictures, sounds and other files in a table, relative to the file that it was read from."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import polars as pl

from cotrain._base._file_key import file_key
from cotrain._base._pictures import PICTURE_ENDINGS
from cotrain._base._sounds import SOUND_ENDINGS

#: So many values are looked at to tell whether a column holds paths.
_SAMPLE = 20
#: What a name of a file looks like.
_NAME = re.compile(r"[^\n\x00]{1,400}\.[A-Za-z0-9]{1,6}(\.gz)?")


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
    return any(_is_file(text, folder) for text in _names(values, endings))


def are_files(values: pl.Series, folder: Path | None = None) -> bool:
    """Whether the first texts of a column are all names of files that exist, of whatever kind.

    Args:
        values: some may be null.
        folder: what relative paths are relative to; `None`: the working directory.

    Example:
        >>> are_files(pl.Series(["scans/1.dcm", "scans/2.dcm"]))
        False
    """
    known = [] if values.dtype != pl.String else values.filter(values.str.len_chars() > 0).head(_SAMPLE)
    return len(known) > 0 and all(_NAME.fullmatch(text) and _is_file(text, folder) for text in known)


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
    found = [series.name for series in frame.iter_columns() if holds_paths(series, folder)]
    whole = [
        pl.Series(
            name,
            [text if not text else str(_located(text, folder).absolute()) for text in frame[name].to_list()],
            dtype=pl.String,
        )
        for name in found
    ]
    return frame.with_columns(whole) if whole else frame


def holds_paths(values: pl.Series, folder: Path | None = None) -> bool:
    """Return whether a column holds paths of pictures, sounds, NumPy files, or of any files that exist."""
    known = (*PICTURE_ENDINGS, *SOUND_ENDINGS, ".npy")
    return is_paths(values, known, folder) or are_files(values, folder)


def hash_of_files(frame: pl.DataFrame) -> str:
    """Return a hash of what lies in the files that a table names, "" where it names none.

    Cells of paths are the same when the pictures behind them are others. A file that cannot be read counts
    as none: whoever reads it says so.

    Args:
        frame: with whole paths.

    Example:
        >>> hash_of_files(pl.DataFrame({"file": ["nowhere.png"], "x": [1]}))
        ''
    """
    known: dict[str, bytes] = {}
    digest, found = hashlib.sha256(), False
    for series in frame.iter_columns():
        if not holds_paths(series):
            continue
        found = True
        digest.update(f"{series.name}\n".encode())
        for path in series.to_list():
            if path and path not in known:
                known[path] = _key_of(path)
            digest.update(b"|" + known.get(path or "", b""))
    return digest.hexdigest() if found else ""


def _key_of(path: str) -> bytes:
    try:
        return file_key(path)
    except (OSError, ValueError):  # of a name that none can have
        return b""


def paths_from(
    frame: pl.DataFrame, written: pl.DataFrame, folder: Path, *, output: Path | None
) -> list[pl.Series]:
    """Return the columns of paths that `with_whole_paths` changed, as they are to stand in another file.

    Args:
        frame: rows with whole paths; what is no longer that of the file stays as it is.
        written: the same rows as the file has them.
        folder: of the file.
        output: of the other file; `None`: it stands beside the first one.
    """
    other = folder if output is None else output.parent
    same = other.resolve() == folder.resolve()

    def path(whole: str | None, text: str | None) -> str | None:
        if not whole or not text or whole != str(_located(text, folder).absolute()):
            return whole
        return text if same or Path(text).is_absolute() else os.path.relpath(whole, other.absolute())

    found = [
        series.name
        for series in written.iter_columns()
        if frame.schema.get(series.name) == pl.String and holds_paths(series, folder)
    ]
    return [
        pl.Series(
            name,
            [path(*pair) for pair in zip(frame[name].to_list(), written[name].to_list(), strict=True)],
            dtype=pl.String,
        )
        for name in found
    ]


def _names(values: pl.Series, endings: tuple[str, ...]) -> list[str]:
    """Return the first values of a column of text if all of them end so, else none."""
    if values.dtype != pl.String:
        return []
    known = values.filter(values.str.len_chars() > 0).head(_SAMPLE).to_list()
    return known if all(text.lower().endswith(endings) for text in known) else []


def _is_file(text: str, folder: Path | None) -> bool:
    try:
        return _located(text, folder).is_file()
    except (OSError, ValueError):  # a text that is too long for a name, or has a zero in it
        return False


def _located(text: str, folder: Path | None) -> Path:
    return Path(text) if folder is None else folder / text
