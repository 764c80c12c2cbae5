"""The state of a fit on disk, which is the one that was written or is refused."""

from __future__ import annotations

import hashlib
import os
import pickle
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

import torch

from cotrain._base import RunError, write_atomically

#: Rises when a checkpoint can no longer be read by older code.
VERSION = 2
#: Behind the state, before the 32 bytes of its SHA-256: torch itself looks at no checksum.
_SEAL = b"COTRAIN\n"


@final
class Checkpoints:
    """Writes the state now and then, and spends at most a twentieth of the time on it.

    Args:
        path: the file, or `None` to keep nothing.
        seconds: time between two checkpoints within an epoch.
    """

    def __init__(self, path: Path | None, seconds: float) -> None:
        self.path = path
        self.seconds = seconds
        self._last = time.monotonic()
        self._cost = 0.0

    def due(self, *, epoch_ended: bool) -> bool:
        """Say whether it is time to write: after an epoch, or long enough within one."""
        if self.path is None:
            return False
        waited = time.monotonic() - self._last
        return waited >= 20 * self._cost and (epoch_ended or waited >= self.seconds)

    def write(self, state: dict[str, Any]) -> None:
        """Write the state, whole or not at all."""
        if self.path is None:
            return
        start = time.monotonic()
        write_checkpoint(self.path, state)
        self._last = time.monotonic()
        self._cost = self._last - start


def write_checkpoint(path: Path, state: Mapping[str, Any]) -> None:
    """Write tensors and plain values, and their hash behind them, whole or not at all."""

    def write(temporary: str) -> None:
        with open(temporary, "wb") as file:
            torch.save({"version": VERSION, **state}, file)
        digest = _hash(Path(temporary), os.path.getsize(temporary))
        with open(temporary, "ab") as file:
            file.write(_SEAL + digest)

    write_atomically(path, write)


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a state that `Checkpoints` wrote; nothing in the file can run code.

    Raises:
        RunError: the file is absent, damaged, not a checkpoint, or of a newer version.
    """
    if not path.is_file():
        raise RunError(f"{path} does not exist: there is no checkpoint to resume from.")
    if not _is_sealed(path):
        raise RunError(
            f"{path} is damaged or not a checkpoint of this version of cotrain: delete it and train again."
        )
    try:
        with warnings.catch_warnings():
            # What torch has to say about a foreign file is said by the error below.
            warnings.simplefilter("ignore")
            state = torch.load(path, weights_only=True, map_location="cpu")
    # A damaged file can fail anywhere in the reader.
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, LookupError, AttributeError) as error:
        raise RunError(
            f"{path} is damaged or not a checkpoint of cotrain and was not read "
            f"({type(error).__name__}): delete it and train again."
        ) from error
    if not isinstance(state, dict) or not isinstance(state.get("version"), int):
        raise RunError(f"{path} is not a checkpoint of cotrain: delete it and train again.")
    if state["version"] > VERSION:
        raise RunError(
            f"{path} has version {state['version']}, this cotrain reads up to {VERSION}: upgrade cotrain."
        )
    return state


def _is_sealed(path: Path) -> bool:
    """Whether the file ends with the hash of what comes before."""
    length = len(_SEAL) + 32
    size = path.stat().st_size - length
    if size <= 0:
        return False
    with path.open("rb") as file:
        file.seek(size)
        end = file.read()
    return end == _SEAL + _hash(path, size)


def _hash(path: Path, size: int) -> bytes:
    """Return the SHA-256 of the first bytes of a file."""
    digest, left = hashlib.sha256(), size
    with path.open("rb") as file:
        while left:
            chunk = file.read(min(left, 1 << 20))
            digest.update(chunk)
            left -= len(chunk)
    return digest.digest()
