"""One call in a process of its own, beside what this process does meanwhile."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping
from multiprocessing.process import BaseProcess
from typing import Any, Self, final

from cotrain.jobs._worker_process import start_worker, worker_context


@final
class Beside:
    """A call that a process of its own makes, if one can be started; what it makes it leaves in files.

    Who asks for it must be able to make the call without it: no process can be started in some sandboxes and
    in workers that are daemons, one may be killed for its memory, and on one core none is worth it. It
    is started as `worker_context` says, and ends with this one.

    Args:
        function: can be imported by another process.
        arguments: plain values.
        threads: that it uses, ≥ 1.

    Example:
        >>> Beside(print, {}, threads=0).has_succeeded()
        False
    """

    def __init__(
        self, function: Callable[..., None], arguments: Mapping[str, Any], *, threads: int = 1
    ) -> None:
        self._process: BaseProcess | None = None
        if threads < 1:
            return
        try:
            process = worker_context().Process(
                target=_call, args=(dict(os.environ), threads, function, dict(arguments)), daemon=True
            )
            process.start()
        except (OSError, RuntimeError, AssertionError, ValueError):
            return
        self._process = process

    def has_succeeded(self) -> bool:
        """Wait for the call, and say whether it was made to its end."""
        if self._process is None:
            return False
        self._process.join()
        return self._process.exitcode == 0

    def stop(self) -> None:
        """End the call, if it goes on."""
        if self._process is not None and self._process.is_alive():
            self._process.terminate()
            self._process.join()

    def __enter__(self) -> Self:
        """Begin what the call is made beside of."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the call with it."""
        self.stop()


def spare_cores(most: int = 8) -> int:
    """Return how many cores a call beside may use: half of those that this process may, 0 of one.

    Quotas of containers count.

    Args:
        most: more than these are not given.

    Example:
        >>> spare_cores(most=0)
        0
    """
    from joblib import cpu_count

    return min(most, cpu_count() // 2)


def _call(
    environment: dict[str, str], threads: int, function: Callable[..., None], arguments: dict[str, Any]
) -> None:
    # Whoever is interrupted is the parent, which stops this process.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    start_worker(environment, threads)
    try:
        function(**arguments)
    except Exception:  # The parent makes the call itself, and what is wrong is said there.
        sys.exit(1)
