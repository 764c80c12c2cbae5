"""Files that are either there whole or not there at all."""

from __future__ import annotations

import fnmatch
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path


def write_atomically(path: Path, write: Callable[[str], object]) -> None:
    """Let `write` fill a temporary file in the same folder, then move it to `path`.

    The data is on the disk before the name is: whoever reads `path`, at any moment and after any crash,
    finds the old content or the new one.

    Args:
        path: where the file shall be.
        write: gets the temporary file's name and writes it.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
    os.close(handle)
    try:
        write(temporary)
        _sync(temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync(str(path.parent))


def write_text_atomically(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, whole or not at all."""
    write_atomically(path, lambda temporary: Path(temporary).write_text(text, encoding="utf-8"))


def remove_leftovers(folder: Path) -> None:
    """Delete the temporary files that a killed process left in `folder`."""
    for leftover in Path(folder).glob(".*.part"):
        leftover.unlink(missing_ok=True)


def paths_below(folder: Path, pattern: str) -> Iterator[Path]:
    """Yield what lies below `folder`, however deep, and whose name matches `pattern`, files and folders.

    Other processes may take folders away meanwhile, which `Path.glob` does not bear before Python 3.13.
    """
    for place, folders, files in os.walk(folder):
        for name in fnmatch.filter([*folders, *files], pattern):
            yield Path(place, name)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
