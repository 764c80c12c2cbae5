"""Run jobs in several processes, here and elsewhere; what fails says why and stops nothing else."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Literal, Protocol, final

from cotrain._base import write_text_atomically
from cotrain.jobs._leases import Leases
from cotrain.jobs._worker_process import start_worker, worker_context

DIED = "its process died: too little memory, or it was killed"
#: By whom a job was done: this process and its workers, another one, or one before this began.
Where = Literal["here", "elsewhere", "before"]
#: Seconds between two looks at what other processes do.
POLL = 0.5


@final
@dataclass(frozen=True)
class PoolJob:
    """A call of a module's function with plain arguments.

    Args:
        name: names it in the outcome.
        function: can be imported by another process.
        output: the file that the function writes last: where it is, the job is done.
        arguments: plain values.

    Example:
        >>> PoolJob("greeting", print, Path("out/greeting.txt"), {"sep": ""}).failure.name
        'greeting.txt.failed'
    """

    name: str
    function: Callable[..., None]
    output: Path
    arguments: Mapping[str, Any] = field(default_factory=dict)

    @property
    def lease(self) -> str:
        """The key under which processes agree who does it."""
        return f"{self.output.parent.name}-{self.output.name}"

    @property
    def failure(self) -> Path:
        """The file that says why there is no output."""
        return self.output.with_name(f"{self.output.name}.failed")


class JobObserver(Protocol):
    """Is told how jobs go.

    Example:
        >>> class Quiet:
        ...     def done(self, job, reason, where): ...
        ...     def poll(self): ...
        >>> observer: JobObserver = Quiet()
        >>> observer.poll()
    """

    def done(self, job: PoolJob, reason: str | None, where: Where) -> None:
        """A job has ended or has failed for a reason, and where."""

    def poll(self) -> None:
        """Some time has passed."""


def run_jobs(
    jobs: Sequence[PoolJob],
    workers: int,
    leases: Leases,
    observer: JobObserver,
    *,
    old_failures: Mapping[Path, int] | None = None,
) -> dict[str, str]:
    """See to it that all jobs are done, and return name -> reason of those that failed.

    Jobs that other processes have begun are waited for, and taken over if these die. Processes have
    one thread each, see `worker_context`.

    Args:
        jobs: in the order in which they begin.
        workers: processes at a time, ≥ 1.
        leases: who works on what.
        observer: is told.
        old_failures: failure files that do not count, with the times of their last change: what has failed
            in an earlier attempt is tried again.

    Example:
        >>> import tempfile
        >>> class Quiet:
        ...     def done(self, job, reason, where): ...
        ...     def poll(self): ...
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     run_jobs([], 1, Leases(Path(folder)), Quiet())
        {}
    """
    pool = _Pool(workers, leases, observer, dict(old_failures or {}))
    try:
        return pool.run(jobs)
    finally:
        pool.stop()


@final
class _Pool:
    def __init__(
        self, workers: int, leases: Leases, observer: JobObserver, old_failures: dict[Path, int]
    ) -> None:
        self.workers, self.leases, self.observer = workers, leases, observer
        self.old_failures = old_failures
        self.failed: dict[str, str] = {}
        self.waiting: list[PoolJob] = []
        # Jobs that ran while a process died. They run one at a time: the next death has one author.
        self.suspects: list[PoolJob] = []
        self.running: dict[Future[None], PoolJob] = {}
        self._executor: ProcessPoolExecutor | None = None

    def run(self, jobs: Sequence[PoolJob]) -> dict[str, str]:
        self.waiting = list(jobs)
        first_look = True
        while self.waiting or self.suspects or self.running:
            self._strike_off("before" if first_look else "elsewhere")
            first_look = False
            self._begin()
            if self.running:
                finished, _ = wait(self.running, timeout=POLL, return_when=FIRST_COMPLETED)
                self._collect(finished)
            elif self.waiting:
                time.sleep(POLL)
            self.observer.poll()
        for job in jobs:
            if job.output.exists():
                self.leases.sweep(job.lease)
        return self.failed

    def stop(self) -> None:
        if self._executor is not None:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._executor = None
        for job in [*self.running.values(), *self.suspects]:
            self.leases.release(job.lease)

    def _strike_off(self, where: Where) -> None:
        """Take from the list what is there, or has failed in another process."""
        for job in list(self.waiting):
            if job.output.exists():
                self.waiting.remove(job)
                self.observer.done(job, None, where)
            elif (reason := self._failure(job)) is not None:
                self.waiting.remove(job)
                self.failed[job.name] = reason
                self.observer.done(job, reason, "elsewhere")

    def _failure(self, job: PoolJob) -> str | None:
        try:
            changed = job.failure.stat().st_mtime_ns
            if self.old_failures.get(job.failure) == changed:
                return None
            return str(json.loads(job.failure.read_text(encoding="utf-8"))["reason"])
        except FileNotFoundError:
            return None

    def _begin(self) -> None:
        """Start as many jobs as there are processes for."""
        if self.suspects and not self.running:
            self._submit(self.suspects[0])
        if self.suspects:
            return
        for job in list(self.waiting):
            if len(self.running) >= self.workers:
                return
            if not self.leases.claim(job.lease):
                continue
            # Between the last look and the claim its owner may have finished.
            if job.output.exists() or self._failure(job) is not None:
                self.leases.release(job.lease)
                continue
            self.waiting.remove(job)
            self._submit(job)

    def _submit(self, job: PoolJob) -> None:
        if self._executor is None:
            self._executor = ProcessPoolExecutor(
                self.workers,
                mp_context=worker_context(),
                initializer=partial(start_worker, dict(os.environ)),
            )
        try:
            self.running[self._executor.submit(job.function, **job.arguments)] = job
        except BrokenProcessPool:
            # A process has died since the last look: what ran with it says so when it is collected.
            if not self.running:
                self._executor.shutdown(wait=True)
                self._executor = None
            if job not in self.suspects:
                self.leases.release(job.lease)
                self.waiting.insert(0, job)

    def _collect(self, finished: set[Future[None]]) -> None:
        for future in finished:
            job, error = self.running.pop(future), future.exception()
            if isinstance(error, BrokenProcessPool):
                self._collect_dead(job)
                return
            self._end(job, None if error is None else f"{type(error).__name__}: {error}")

    def _collect_dead(self, job: PoolJob) -> None:
        """A process has died and taken the pool with it."""
        jobs = [job, *self.running.values()]
        self.running.clear()
        if self._executor is not None:
            self._executor.shutdown(wait=True)
            self._executor = None
        if self.suspects:
            self._end(self.suspects[0], DIED)
        else:
            # Those that had ended before the death have their output.
            self.suspects = [one for one in jobs if not one.output.exists()]
            for one in jobs:
                if one.output.exists():
                    self._end(one, None)

    def _end(self, job: PoolJob, reason: str | None) -> None:
        if job in self.suspects:
            self.suspects.remove(job)
        if reason is None:
            job.failure.unlink(missing_ok=True)
        else:
            self.failed[job.name] = reason
            write_text_atomically(job.failure, json.dumps({"reason": reason}, ensure_ascii=False) + "\n")
        self.leases.release(job.lease)
        self.observer.done(job, reason, "here")
