"""Who is told how a fit goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, final

from cotrain._base import require_extra, strict_json, write_text_atomically

#: The file may lack one record in so many, so that N epochs do not write N² lines: 1,400 epochs of a tiny
#: table took 25 s, half of them for this.
MOST_SINGLE = 500


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

    The file is replaced as a whole after every epoch (beyond 1,000 of them, whenever it has grown by a
    500th, and at the end), so that it never ends in half a line, and it holds no times, so that equal fits
    write equal files.

    Args:
        path: the file.

    Example:
        >>> import json, tempfile
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
        self._lines: list[str] = []
        self._n_written = 0

    def start(self, start: FitStart) -> None:
        """Begin with the epochs that the checkpoint knows; later ones in the file are written anew."""
        self._lines = [_line(record) for record in start.history]
        self._write()

    def step(self, step: int, losses: Mapping[str, float]) -> None:
        """Do nothing: epochs are enough."""

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Append the record."""
        self._lines.append(_line(record))
        if len(self._lines) - self._n_written >= max(1, len(self._lines) // MOST_SINGLE):
            self._write()

    def finish(self) -> None:
        """Write what is not written yet."""
        if self._n_written < len(self._lines):
            self._write()

    def round(self, record: Mapping[str, Any], lines: Sequence[str]) -> None:
        """Append the record, under the key "cotraining"."""
        self._lines.append(_line({"cotraining": record}))
        self._write()

    def message(self, text: str) -> None:
        """Do nothing: the history holds figures."""

    def _write(self) -> None:
        write_text_atomically(Path(self.path), "".join(self._lines))
        self._n_written = len(self._lines)


def _numbers(record: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, float]]:
    """Give each number of a nested mapping with the names that lead to it, a slash between them."""
    for name, value in record.items():
        if isinstance(value, Mapping):
            yield from _numbers(value, f"{path}{name}/")
        elif isinstance(value, int | float):
            yield f"{path}{name}", value


def _line(record: Mapping[str, Any]) -> str:
    return strict_json(record) + "\n"


@final
class TensorBoardLogger:
    """Writes the epochs to a TensorBoard folder (extra `track`).

    Where it follows several fits, as of an ensemble, those after the first stand under "network 2/" and on.

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
        self._fits = 0

    def start(self, start: FitStart) -> None:
        """Count the fits: the file is open."""
        self._fits += 1

    def step(self, step: int, losses: Mapping[str, float]) -> None:
        """Do nothing: epochs are enough."""

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Write each number of the record under its path, e.g. "validation/income"."""
        which = f"network {self._fits}/" if self._fits > 1 else ""
        for path, number in _numbers(record):
            self._writer.add_scalar(which + path, number, global_step=record["epoch"])

    def finish(self) -> None:
        """Close the event file."""
        self._writer.close()

    def round(self, record: Mapping[str, Any], lines: Sequence[str]) -> None:
        """Write each number of every task under its path, e.g. "cotraining/income/accepted".

        Where several strategies are tried, theirs begin with "cotraining/Committee" and so on.
        """
        above = "/".join(["cotraining", record["strategy"]] if record.get("strategy") else ["cotraining"])
        for task, figures in record["tasks"].items():
            for name, number in figures.items():
                if isinstance(number, int | float):
                    tag = f"{above}/{task}/{name}"
                    self._writer.add_scalar(tag, number, global_step=record["round"])
        # The fit has ended before: nobody else will.
        self._writer.close()

    def message(self, text: str) -> None:
        """Do nothing: curves hold figures."""
