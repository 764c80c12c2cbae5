"""Who is told how a fit goes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, final

from cotrain._base import require_extra, write_text_atomically


@final
@dataclass(frozen=True)
class FitStart:
    """What is known when a fit begins.

    Args:
        tasks: names of the tasks.
        n_steps: steps of the whole fit.
        n_epochs: epochs of the whole fit.
        step: steps taken already, > 0 if the fit goes on from a checkpoint.
        history: the epochs so far.

    Example:
        >>> FitStart(["sold"], n_steps=100, n_epochs=10, step=0, history=[]).n_epochs
        10
    """

    tasks: Sequence[str]
    n_steps: int
    n_epochs: int
    step: int
    history: Sequence[Mapping[str, Any]]


class Logger(Protocol):
    """Anything that wants to follow a fit. All values are plain numbers and strings.

    A class that derives from this one needs to write only the methods that it cares for.

    Example:
        >>> class Epochs(Logger):
        ...     def __init__(self):
        ...         self.seen = []
        ...     def epoch(self, record):
        ...         self.seen.append(record["epoch"])
        >>> logger = Epochs()
        >>> logger.epoch({"epoch": 0})
        >>> logger.step(1, {"sold": 0.7})  # does nothing
        >>> logger.seen
        [0]
    """

    def start(self, start: FitStart) -> None:
        """A fit begins, or goes on."""

    def step(self, step: int, losses: Mapping[str, float]) -> None:
        """Some steps were taken; `losses` are the means since the epoch began."""

    def epoch(self, record: Mapping[str, Any]) -> None:
        """An epoch has ended; `record` is what goes into the history."""

    def finish(self) -> None:
        """The fit has ended or was interrupted; rounds of co-training may follow."""

    def round(self, record: Mapping[str, Any], lines: Sequence[str]) -> None:
        """A round of co-training has ended; `lines` say in words what `record` holds."""

    def message(self, text: str) -> None:
        """Something that a person should read, one line."""


@final
class JsonLinesLogger:
    """Keeps the history as one JSON object a line.

    The file is replaced as a whole after every epoch, so that it never ends in half a line, and it holds
    no times, so that equal fits write equal files.

    Args:
        path: the file.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "history.jsonl"
        ...     logger = JsonLinesLogger(path)
        ...     logger.start(FitStart(["sold"], 10, 1, 0, []))
        ...     logger.epoch({"epoch": 0})
        ...     json.loads(path.read_text())
        {'epoch': 0}
    """

    def __init__(self, path: str | Path) -> None:
        self.path = path
        self._records: list[Mapping[str, Any]] = []

    def start(self, start: FitStart) -> None:
        """Begin with the epochs that the checkpoint knows; later ones in the file are written anew."""
        self._records = list(start.history)
        self._write()

    def step(self, step: int, losses: Mapping[str, float]) -> None:
        """Do nothing: epochs are enough."""

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Append the record."""
        self._records.append(record)
        self._write()

    def finish(self) -> None:
        """Do nothing: all is written."""

    def round(self, record: Mapping[str, Any], lines: Sequence[str]) -> None:
        """Append the record, under the key "cotraining"."""
        self.epoch({"cotraining": record})

    def message(self, text: str) -> None:
        """Do nothing: the history holds figures."""

    def _write(self) -> None:
        lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in self._records)
        write_text_atomically(Path(self.path), lines)


@final
class TensorBoardLogger:
    """Writes the epochs to a TensorBoard folder (extra `track`).

    Args:
        folder: where the event file goes.

    Raises:
        MissingExtraError: if tensorboard is not installed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     logger = TensorBoardLogger(folder)
        ...     logger.start(FitStart(["sold"], 10, 1, 0, []))
        ...     logger.finish()
    """

    def __init__(self, folder: str | Path) -> None:
        require_extra("tensorboard", "track", "TensorBoardLogger")
        from torch.utils.tensorboard import SummaryWriter

        self.folder = folder
        self._writer = SummaryWriter(str(folder))

    def start(self, start: FitStart) -> None:
        """Do nothing: the file is open."""

    def step(self, step: int, losses: Mapping[str, float]) -> None:
        """Do nothing: epochs are enough."""

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Write each number of the record under its path, e.g. "validation/income"."""
        for key, value in record.items():
            values = value if isinstance(value, Mapping) else {"": value}
            for name, number in values.items():
                if isinstance(number, int | float):
                    tag = f"{key}/{name}" if name else key
                    self._writer.add_scalar(tag, number, global_step=record["epoch"])

    def finish(self) -> None:
        """Close the event file."""
        self._writer.close()

    def round(self, record: Mapping[str, Any], lines: Sequence[str]) -> None:
        """Write each number of every task under its path, e.g. "cotraining/income/accepted"."""
        for task, figures in record["tasks"].items():
            for name, number in figures.items():
                if isinstance(number, int | float):
                    tag = f"cotraining/{task}/{name}"
                    self._writer.add_scalar(tag, number, global_step=record["round"])
        # The fit has ended before: nobody else will.
        self._writer.close()

    def message(self, text: str) -> None:
        """Do nothing: curves hold figures."""
