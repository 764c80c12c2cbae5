"""How a comparison fills its grid: a bar and a line for each running cell, or plain lines."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, final

from cotrain._base import safe_console, visible

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from cotrain.comparison import Running
    from cotrain.jobs import Where

#: Seconds between two accounts of the running cells where there is no terminal.
EVERY = 30.0


@final
class GridProgress:
    """One bar for the grid, one line per running cell, and the time left; plain lines without a terminal.

    Args:
        console: where to write; default standard error.
        clock: seconds that only grow.
    """

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        from rich.live import Live

        self.console = console or safe_console(stderr=True)
        self._clock = clock
        self._n, self._n_done, self._n_kept = 0, 0, 0
        self._started = self._told = clock()
        self._running: list[Running] = []
        self._live = Live(console=self.console, refresh_per_second=2, get_renderable=self.picture)

    def total(self, jobs: int) -> None:
        """Draw the bar."""
        self._n = jobs
        self._started = self._told = self._clock()
        if self.console.is_terminal:
            self._live.start()

    def done(self, title: str, reason: str | None, where: Where) -> None:
        """Move the bar, and say why a job has failed."""
        self._n_done += 1
        self._n_kept += where == "before"
        if reason is not None:
            self.console.print(f"Failed: {title}: {reason}", markup=False, soft_wrap=True)
        elif not self.console.is_terminal:
            done = "done" if where == "here" else "done by another process"
            how = "kept from before" if where == "before" else f"{done}{self._left()}"
            self._print(f"{self._n_done} of {self._n}: {title}: {how}")

    def running(self, jobs: Sequence[Running]) -> None:
        """Show what is being done, here and on other machines."""
        self._running = list(jobs)
        if not self.console.is_terminal and self._clock() - self._told > EVERY:
            self._told = self._clock()
            for job in self._running:
                self._print(f"  running: {line_of(job)}")

    def stop(self) -> None:
        """Take the bar away."""
        self._live.stop()

    def picture(self) -> RenderableType:
        """Return what stands on the terminal."""
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        row = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=max(1, self._n), completed=self._n_done, width=30)
        row.add_row(Text("comparing"), bar, Text(f"{self._n_done}/{self._n}{self._left()}"))
        width = self.console.width
        lines = [Text(visible(f"  {line_of(job)}")[:width], no_wrap=True) for job in self._running]
        return Group(row, *lines)

    def _left(self) -> str:
        """Return how long the rest will take if it goes on as before."""
        ended = self._n_done - self._n_kept
        if not ended or self._n_done >= self._n:
            return ""
        seconds = (self._clock() - self._started) / ended * (self._n - self._n_done)
        return f", about {seconds / 60:.0f} min left" if seconds >= 90 else f", about {seconds:.0f} s left"

    def _print(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def line_of(job: Running) -> str:
    """Return a running job with its epoch and the best value so far."""
    if job.status is None or not job.status.n_epochs:
        return f"{job.title} ({job.host})"
    best = "" if job.status.best is None else f", best gain {job.status.best:.3f}"
    return f"{job.title}: epoch {job.status.epoch}/{job.status.n_epochs}{best} ({job.host})"
