"""Run jobs in several processes; what fails says why and stops nothing else."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any, final

from cotrain.comparison._workers import start_worker

DIED = "its process died: too little memory, or it was killed"


@final
@dataclass(frozen=True)
class PoolJob:
    """A call of a module's function with plain arguments.

    Args:
        name: names it in the outcome.
        function: can be imported by another process.
        arguments: plain values.
    """

    name: str
    function: Callable[..., None]
    arguments: Mapping[str, Any] = field(default_factory=dict)


def run_jobs(
    jobs: Sequence[PoolJob], workers: int, done: Callable[[PoolJob, str | None], None]
) -> dict[str, str]:
    """Run all jobs and return name -> reason of those that failed.

    Processes are spawned, with one thread each: a fork would copy locks that other threads hold.

    Args:
        jobs: in the order in which they begin.
        workers: processes at a time, ≥ 1.
        done: told about each job when it has ended, with the reason if it failed.
    """
    failed: dict[str, str] = {}
    waiting, tried_alone = list(jobs), False
    while waiting:
        # After a death, which takes the pool with it, jobs run one at a time: the next death has one author.
        ended, broken = _run_pool(waiting, 1 if tried_alone else workers, done, failed)
        waiting = [job for job in waiting if job.name not in ended]
        if broken and tried_alone and waiting:
            guilty = waiting.pop(0)
            failed[guilty.name] = DIED
            done(guilty, DIED)
        tried_alone = tried_alone or broken
    return failed


def _run_pool(
    jobs: Sequence[PoolJob],
    workers: int,
    done: Callable[[PoolJob, str | None], None],
    failed: dict[str, str],
) -> tuple[set[str], bool]:
    """Return the names of the jobs that ended, and whether a process died."""
    ended: set[str] = set()
    broken = False
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)), mp_context=context, initializer=start_worker, initargs=(os.getpid(),)
    )
    try:
        futures: dict[Future[None], PoolJob] = {}
        for job in jobs:
            futures[pool.submit(job.function, **job.arguments)] = job
        left = set(futures)
        while left:
            finished, left = wait(left, return_when=FIRST_COMPLETED)
            for future in finished:
                job, error = futures[future], future.exception()
                if isinstance(error, BrokenProcessPool):
                    broken = True
                    continue
                ended.add(job.name)
                reason = None if error is None else f"{type(error).__name__}: {error}"
                if reason is not None:
                    failed[job.name] = reason
                done(job, reason)
    except BrokenProcessPool:
        broken = True
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    return ended, broken
