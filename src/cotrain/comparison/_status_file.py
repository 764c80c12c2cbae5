"""How far a running fit is, in a file that others read."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, final

import numpy as np

from cotrain.training import FitStart

STATUS = "running.json"


@final
@dataclass(frozen=True)
class Status:
    """How far a fit is.

    Args:
        epoch: epochs done.
        n_epochs: epochs at most.
        best: the best mean gain over a constant on the validation rows so far; `None`: there is none yet.
    """

    epoch: int
    n_epochs: int
    best: float | None = None

    @classmethod
    def read(cls, folder: Path) -> Self | None:
        """Read the status of the fit whose folder this is; `None` if it has not begun or has ended."""
        try:
            return cls(**json.loads((folder / STATUS).read_text(encoding="utf-8")))
        except (OSError, json.JSONDecodeError, TypeError):
            return None


@final
class StatusLogger:
    """Keeps the status of a fit in a folder.

    Args:
        folder: of the fit.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / STATUS
        self._status = Status(0, 0)

    def start(self, start: FitStart) -> None:
        """Note that the fit has begun."""
        self._write(Status(len(start.history), start.n_epochs))

    def step(self, step: int, losses: Mapping[str, float]) -> None:
        """Do nothing: epochs are enough."""

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Note the epoch and the best value so far."""
        gains = [gain for gain in record.get("gain", {}).values() if not math.isnan(gain)]
        known = [
            value for value in (self._status.best, np.mean(gains) if gains else None) if value is not None
        ]
        best = float(max(known)) if known else None
        self._write(Status(self._status.epoch + 1, self._status.n_epochs, best))

    def finish(self) -> None:
        """Do nothing: what comes after the fit belongs to it."""

    def round(self, record: Mapping[str, Any], lines: Sequence[str]) -> None:
        """Do nothing: the file tells of epochs."""

    def message(self, text: str) -> None:
        """Do nothing: the file tells of epochs."""

    def remove(self) -> None:
        """Take the file away."""
        self.path.unlink(missing_ok=True)

    def _write(self, status: Status) -> None:
        self._status = status
        # Not forced to the disk: after a crash nobody needs it.
        temporary = self.path.with_name(f".{STATUS}.part")
        temporary.write_text(json.dumps(vars(status)), encoding="utf-8")
        os.replace(temporary, self.path)
