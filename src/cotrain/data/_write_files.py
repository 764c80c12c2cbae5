"""Pictures, sounds and arrays of a table, written as files beside it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from cotrain._base import write_atomically

#: How the bytes of a file begin, and the ending of its name.
_STARTS = {b"\x89PNG": ".png", b"\xff\xd8\xff": ".jpg", b"RIFF": ".wav", b"\x93NUMPY": ".npy"}


def with_files(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Write cells that are whole pictures, sounds or NumPy files, and return a table of their paths instead.

    The files of said.csv lie in said_files/ as COLUMN_ROW.png; paths are relative to the table's folder,
    where `read_table` looks for them. Each file is there before the table that names it.

    Args:
        frame: columns of bytes that are all of one kind of file, or all empty, are changed, others stay.
        path: of the table that will be written.
    """
    folder = path.with_name(f"{path.stem}_files")
    changed = []
    for column in frame.iter_columns():
        cells = column.to_list() if column.dtype == pl.Binary else []
        ending = _ending(cells)
        # A column without any file is one of paths all the same.
        if not ending and (not cells or column.null_count() < len(cells)):
            continue
        width, names = len(str(max(0, len(cells) - 1))), []
        for row, data in enumerate(cells):
            name = None if data is None else f"{_plain(column.name)}_{row:0{width}}{ending}"
            names.append(None if name is None else f"{folder.name}/{name}")
            if name is not None:
                _write(folder / name, data)
        changed.append(pl.Series(column.name, names, dtype=pl.String))
    return frame.with_columns(changed) if changed else frame


def _write(path: Path, data: bytes) -> None:
    write_atomically(path, lambda part: Path(part).write_bytes(data))


def _ending(cells: list[bytes | None]) -> str:
    """Return the ending of the files that all cells are; empty if they are of several kinds or none."""
    found = {
        next((ending for start, ending in _STARTS.items() if data.startswith(start)), "")
        for data in cells
        if data is not None
    }
    return found.pop() if len(found) == 1 else ""


def _plain(name: str) -> str:
    """Return a column's name as a part of a file's name."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in name)
