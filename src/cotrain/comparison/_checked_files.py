"""Files of a comparison that say whose they are and whether they are as they were written."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cotrain._base import RunError, write_atomically, write_text_atomically

#: The key of the seal among the values.
SEAL = "seal"
#: What reading an archive ends with that somebody has changed.
_DAMAGE = (ValueError, LookupError, AttributeError, OSError, EOFError, RuntimeError, zipfile.BadZipFile)


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write plain values as JSON and a seal on them and on the file's name, whole or not at all."""
    values = {**record, SEAL: _seal(path, _text(record).encode())}
    write_text_atomically(path, json.dumps(values, ensure_ascii=False) + "\n")


def read_record(path: Path) -> dict[str, Any]:
    """Return what `write_record` wrote.

    Raises:
        RunError: the file is damaged, or of another place.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        seal = record.pop(SEAL)
        whole = seal == _seal(path, _text(record).encode())
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise _damaged(path) from error
    if not whole:
        raise _damaged(path)
    return record


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write arrays and a seal on them and on the file's name, whole or not at all."""
    sealed = {**arrays, SEAL: np.array(_seal(path, _bytes(arrays)))}

    def write(temporary: str) -> None:
        with open(temporary, "wb") as file:
            np.savez(file, **sealed)  # ty: ignore[invalid-argument-type]

    write_atomically(path, write)


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """Return what `write_arrays` wrote; nothing is unpickled.

    Raises:
        RunError: the file is damaged, or of another place.
    """
    try:
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        seal = str(arrays.pop(SEAL))
        whole = seal == _seal(path, _bytes(arrays))
    except FileNotFoundError:
        raise
    except _DAMAGE as error:
        raise _damaged(path) from error
    if not whole:
        raise _damaged(path)
    return arrays


def _text(record: Mapping[str, Any]) -> str:
    return json.dumps(record, sort_keys=True, ensure_ascii=False)


def _bytes(arrays: Mapping[str, np.ndarray]) -> bytes:
    parts = []
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        parts += [f"{name}{array.shape}{array.dtype}".encode(), array.tobytes()]
    return b"".join(parts)


def _seal(path: Path, content: bytes) -> str:
    """Return a hash of the content and of where it lies within the comparison, wherever that is mounted."""
    return hashlib.sha256(f"{path.parent.name}/{path.name}\n".encode() + content).hexdigest()


def _damaged(path: Path) -> RunError:
    return RunError(f"{path} is damaged or of another comparison: delete it, and compare makes it again.")
