from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from cotrain.comparison._pool import DIED, PoolJob, run_jobs
from cotrain.training import write_text_atomically


@pytest.mark.slow
def test_what_fails_says_why_and_stops_nothing(tmp_path: Path) -> None:
    told: list[tuple[str, str | None]] = []
    jobs = [
        PoolJob("dies", os._exit, {"status": 1}),
        PoolJob("errs", write_text_atomically, {"path": None, "text": ""}),
        PoolJob("waits", time.sleep, {}),
        PoolJob("writes", write_text_atomically, {"path": tmp_path / "a", "text": "x"}),
    ]
    failed = run_jobs(jobs, 2, lambda job, reason: told.append((job.name, reason)))
    assert failed["dies"] == DIED
    assert failed["errs"].startswith("TypeError: ")
    assert set(failed) == {"dies", "errs", "waits"}
    assert (tmp_path / "a").read_text() == "x"
    assert sorted(name for name, _ in told) == ["dies", "errs", "waits", "writes"]


def test_nothing_to_do_starts_nothing() -> None:
    assert run_jobs([], 2, lambda job, reason: None) == {}
