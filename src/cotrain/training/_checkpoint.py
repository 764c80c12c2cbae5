"""The state of a fit on disk."""

from __future__ import annotations

import pickle
import time
import warnings
from pathlib import Path
from typing import Any, final

import torch

from cotrain._base import RunError, write_atomically

#: Rises when a checkpoint can no longer be read by older code.
VERSION = 1


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
        write_atomically(self.path, lambda temporary: torch.save({"version": VERSION, **state}, temporary))
        self._last = time.monotonic()
        self._cost = self._last - start


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a state that `Checkpoints` wrote; nothing in the file can run code.

    Raises:
        RunError: the file is absent, damaged, not a checkpoint, or of a newer version.
    """
    if not path.is_file():
        raise RunError(f"{path} does not exist: there is no checkpoint to resume from.")
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
