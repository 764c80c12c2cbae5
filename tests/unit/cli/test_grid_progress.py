from __future__ import annotations

import io

from rich.console import Console

from cotrain.cli._grid_progress import GridProgress, line_of
from cotrain.comparison import Running
from cotrain.comparison._status_file import Status

CELL = Running("A + B, learning rate 0.002, seed 1", "far", Status(3, 10, 0.25))


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_without_a_terminal_there_is_a_line_per_event() -> None:
    file, clock = io.StringIO(), Clock()
    progress = GridProgress(Console(file=file, width=200), clock)
    progress.total(4)
    progress.done("a", None, "before")
    clock.now = 60.0
    progress.done("b", None, "here")
    progress.done("c", "ValueError: [no]", "elsewhere")
    progress.running([CELL])
    clock.now = 61.0
    progress.running([CELL])
    progress.stop()
    assert file.getvalue().splitlines() == [
        "1 of 4: a: kept from before",
        "2 of 4: b: done, about 2 min left",
        "Failed: c: ValueError: [no]",
        "  running: A + B, learning rate 0.002, seed 1: epoch 3/10, best gain 0.250 (far)",
    ]


def test_on_a_terminal_there_is_a_bar_and_a_line_per_running_cell() -> None:
    file = io.StringIO()
    progress = GridProgress(Console(file=file, width=60, force_terminal=True))
    progress.total(4)
    progress.done("a", None, "before")
    progress.running([CELL, Running("test of A", "here", None)])
    plain = Console(file=io.StringIO(), width=60)
    plain.print(progress.picture())
    progress.stop()
    lines = plain.file.getvalue().splitlines()
    assert lines[0].startswith("comparing")
    assert "1/4" in lines[0]
    assert lines[1].startswith("  A + B, learning rate 0.002, seed 1: epoch 3/10")
    assert lines[2] == "  test of A (here)"


def test_what_has_no_epochs_is_named_alone() -> None:
    assert line_of(Running("trees of a", "here", Status(0, 0))) == "trees of a (here)"
