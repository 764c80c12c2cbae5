"""Processes that a test starts: waited for by what they do, not by a clock, and killed at counted moments."""

from __future__ import annotations

import importlib
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from itertools import count
from multiprocessing.context import ForkContext
from pathlib import Path
from typing import Any

#: Starts a command, see conftest.py.
Start = Callable[[list[str]], "subprocess.Popen[str]"]
FILE_EVENTS = ("open", "os.mkdir", "os.remove", "os.rename", "os.rmdir")


def until(condition: Callable[[], object], *needed: subprocess.Popen[Any]) -> None:
    """Wait for as long as it takes; fail when a process that is needed for it has ended before."""
    while not condition():
        ended = [process for process in needed if process.poll() is not None]
        # What it did last may have been what is waited for.
        if ended and not condition():
            said = ended[0].stderr.read() if ended[0].stderr else ""
            raise AssertionError(
                f"{ended[0].args} ended with {ended[0].returncode} before it came to that. {said}"
            )
        time.sleep(0.02)


def wait_for_all(processes: Iterable[subprocess.Popen[Any]]) -> None:
    """Wait until all have ended, or one has failed: the others might wait for it for ever, and are killed."""
    processes = list(processes)
    try:
        while any(process.poll() is None for process in processes):
            if any(process.returncode for process in processes):
                break
            time.sleep(0.02)
    finally:
        for process in processes:
            process.kill()
            process.wait()


def forks() -> ForkContext:
    """Return how to start processes that need load nothing: this one has loaded it, and used none of it."""
    import torch

    import cotrain.learner  # noqa: F401 - as all below, once and before the forks
    from cotrain.jobs._worker_process import PRELOADED

    for name in PRELOADED:
        importlib.import_module(name)
    torch.set_num_threads(1)
    return multiprocessing.get_context("fork")


def checkpoint_by_steps(every: int) -> None:
    """Let checkpoints in this process come after a number of steps, however long these take."""
    from cotrain.training._checkpoint import Checkpoints

    steps = count(1)

    def due(self: Checkpoints, *, epoch_ended: bool) -> bool:
        return self.path is not None and (next(steps) % every == 0 or epoch_ended)

    Checkpoints.due = due


def die() -> None:
    """Kill this process, as the machine does that loses its power."""
    os.kill(os.getpid(), signal.SIGKILL)


def watch(folder: Path, look: Callable[[str], object]) -> None:
    """Call `look` in this process after every step of an optimiser, and before every change of a file.

    Args:
        folder: of the files.
        look: gets "step" or "file".
    """
    from torch.optim.optimizer import register_optimizer_step_post_hook

    def audit(event: str, arguments: tuple[Any, ...]) -> None:
        if event in FILE_EVENTS and str(arguments[0]).startswith(str(folder)):
            look("file")

    sys.addaudithook(audit)
    register_optimizer_step_post_hook(lambda optimizer, args, kwargs: look("step"))
