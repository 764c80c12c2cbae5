from __future__ import annotations

import os
import time
from concurrent.futures import wait
from pathlib import Path

import pytest

from cotrain._base import write_text_atomically
from cotrain.jobs import Leases, PoolJob, Where, run_jobs
from cotrain.jobs._pool import DIED, _Pool


class Noted:
    def __init__(self) -> None:
        self.told: list[tuple[str, str | None, Where]] = []
        self.looks = 0

    def done(self, job: PoolJob, reason: str | None, where: Where) -> None:
        self.told.append((job.name, reason, where))

    def poll(self) -> None:
        self.looks += 1


@pytest.mark.slow
def test_what_fails_says_why_and_stops_nothing(tmp_path: Path) -> None:
    out, leases, noted = tmp_path / "out", Leases(tmp_path / "leases"), Noted()
    out.mkdir()
    jobs = [
        PoolJob("dies", os._exit, out / "dies", {"status": 1}),
        PoolJob("errs", write_text_atomically, out / "errs", {"path": None, "text": ""}),
        PoolJob("waits", time.sleep, out / "waits", {}),
        PoolJob("writes", write_text_atomically, out / "a", {"path": out / "a", "text": "x"}),
    ]
    failed = run_jobs(jobs, 2, leases, noted)
    assert failed["dies"] == DIED
    assert failed["errs"].startswith("TypeError: ")
    assert set(failed) == {"dies", "errs", "waits"}
    assert (out / "a").read_text() == "x"
    assert sorted(name for name, _, _ in noted.told) == ["dies", "errs", "waits", "writes"]
    assert not list((tmp_path / "leases").iterdir())
    # Another process that waits for the same jobs hears of the failures; a later attempt tries them again.
    elsewhere = Noted()
    assert run_jobs(jobs, 2, leases, elsewhere) == failed
    assert [name for name, _, where in elsewhere.told if where == "before"] == ["writes"]
    old = {path: path.stat().st_mtime_ns for path in out.glob("*.failed")}
    again = [PoolJob("errs", write_text_atomically, out / "errs", {"path": out / "errs", "text": "y"})]
    assert run_jobs(again, 1, leases, Noted(), old_failures=old) == {}
    assert not (out / "errs.failed").exists()


@pytest.mark.slow
def test_a_process_that_dies_before_the_next_job_begins_takes_only_its_own_job_along(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin = _Pool._begin

    def late(self: _Pool) -> None:
        """Begin the other jobs when the death is known to the pool and not yet to us."""
        begin(self)
        if not self.suspects and len(self.running) == 1 and self.workers == 1:
            wait(self.running)
            self.workers = 2
            begin(self)

    monkeypatch.setattr(_Pool, "_begin", late)
    out, leases = tmp_path / "out", Leases(tmp_path / "leases")
    out.mkdir()
    jobs = [
        PoolJob("dies", os._exit, out / "dies", {"status": 1}),
        PoolJob("writes", write_text_atomically, out / "a", {"path": out / "a", "text": "x"}),
    ]
    assert run_jobs(jobs, 1, leases, Noted()) == {"dies": DIED}
    assert (out / "a").read_text() == "x"
    assert not list((tmp_path / "leases").iterdir())


def test_nothing_to_do_starts_nothing(tmp_path: Path) -> None:
    assert run_jobs([], 2, Leases(tmp_path), Noted()) == {}
