"""A progress bar with the current value of each task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self, final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from cotrain._base import safe_console
from cotrain.training._loggers import FitStart


@final
class ProgressLogger:
    """Shows a bar on a terminal, and a line every few epochs where there is none.

    Args:
        console: where to draw; default: standard error.
        title: what stands before the bar.

    Example:
        >>> ProgressLogger.wanted(False)
        []
    """

    def __init__(self, console: Console | None = None, title: str = "training") -> None:
        self.console = console or safe_console(stderr=True)
        self.title = title
        self._bar: Progress | None = None
        self._bar_task = TaskID(0)
        self._n_epochs = 0
        self._epoch = 0

    @classmethod
    def wanted(cls, progress: bool | None) -> list[Self]:
        """Return one logger or none: `None` asks for one if standard error is a terminal."""
        shown = cls()
        return [shown] if progress or (progress is None and shown.console.is_terminal) else []

    def start(self, start: FitStart) -> None:
        """Draw the bar at where the fit stands."""
        self._n_epochs = start.n_epochs
        self._epoch = len(start.history)
        if not self.console.is_terminal:
            return
        self._bar = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[values]}"),
            console=self.console,
            transient=True,
            # Drawing costs some 10 ms: at rich's ten times a second it would take a tenth of the training.
            refresh_per_second=2,
        )
        self._bar_task = self._bar.add_task(
            self._title(), total=start.n_steps, completed=start.step, values=""
        )
        self._bar.start()

    def step(self, step: int, losses: Mapping[str, float]) -> None:
        """Move the bar and show the running losses until there are validation values."""
        if self._bar is not None:
            if not self._epoch:
                self._bar.update(self._bar_task, values=_show("loss", losses))
            self._bar.update(self._bar_task, completed=step, description=self._title())

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Show the epoch's validation values, or its losses where nothing is validated."""
        self._epoch = record["epoch"] + 1
        if "validation" in record:
            shown = _show("validation", record["validation"])
        else:
            shown = _show("loss", record["loss"])
        if self._bar is not None:
            self._bar.update(self._bar_task, values=shown, description=self._title())
        elif self._epoch == 1 or self._epoch % max(1, self._n_epochs // 10) == 0:
            self.console.print(f"{self.title} epoch {self._epoch}/{self._n_epochs}  {shown}", soft_wrap=True)

    def finish(self) -> None:
        """Take the bar away."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def round(self, record: Mapping[str, Any], lines: Sequence[str]) -> None:
        """Print the round in words."""
        for line in lines:
            self.message(line)

    def message(self, text: str) -> None:
        """Print the line."""
        self.console.print(text, soft_wrap=True, markup=False, highlight=False)

    def _title(self) -> str:
        return f"{self.title} epoch {min(self._epoch + 1, self._n_epochs)}/{self._n_epochs}"


def _show(what: str, values: Mapping[str, float]) -> str:
    shown = [f"{task} {value:.3g}" for task, value in list(values.items())[:8]]
    more = f" (+{len(values) - 8})" if len(values) > 8 else ""
    return f"{what}: " + "  ".join(shown) + more
