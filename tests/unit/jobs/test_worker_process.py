"""A worker has this process's variables and the threads it is given, and ends with this process."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
import types
from pathlib import Path

import pytest

from cotrain._base import RunError
from cotrain.jobs import Leases, PoolJob, run_jobs
from cotrain.jobs._worker_process import PRELOADED, require_guarded_main, worker_context

ASKS = """
import subprocess, sys
from multiprocessing import connection
from pathlib import Path
from cotrain.jobs import Leases, PoolJob, run_jobs

class Quiet:
    def done(self, job, reason, where): ...
    def poll(self): ...

if __name__ == "__main__":
    out = Path(sys.argv[1])
    command = f"echo $PPID > {out}/part && mv {out}/part {out}/worker"
    jobs = [
        PoolJob("says", subprocess.check_call, out / "worker", {"args": command, "shell": True}),
        PoolJob("waits", connection.wait, out / "never", {"object_list": [], "timeout": 1000.0}),
    ]
    run_jobs(jobs, 1, Leases(out / "leases"), Quiet())
"""


class Quiet:
    def done(self, job: PoolJob, reason: str | None, where: str) -> None: ...

    def poll(self) -> None: ...


def is_alive(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def until(holds, seconds: float = 120.0) -> bool:
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


@pytest.mark.slow
def test_a_later_worker_has_the_variables_of_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for said in ("first", "second"):
        monkeypatch.setenv("SAID_TO_WORKERS", said)
        out = tmp_path / said
        command = f"echo $SAID_TO_WORKERS $OMP_NUM_THREADS > {out}"
        job = PoolJob(said, subprocess.check_call, out, {"args": command, "shell": True})
        assert run_jobs([job], 1, Leases(tmp_path / "leases"), Quiet()) == {}
        assert out.read_text() == f"{said} 1\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every worker is spawned")
def test_what_takes_long_to_load_is_there_when_a_worker_begins(tmp_path: Path) -> None:
    said = tmp_path / "said"
    program = f"import sys; open({str(said)!r}, 'w').write(' '.join(sys.modules))"
    process = worker_context().Process(target=exec, args=(program,))
    process.start()
    process.join()
    assert set(PRELOADED) <= set(said.read_text().split())
    assert "polars" not in said.read_text().split()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere every worker is spawned")
@pytest.mark.parametrize(("length", "expected"), [(60, "forkserver"), (90, "spawn")])
def test_a_long_path_of_the_temporary_folder_is_no_obstacle(
    length: int, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/" + "t" * (length - 1))
    assert worker_context().get_start_method() == expected


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_a_worker_ends_when_who_asked_is_killed(tmp_path: Path) -> None:
    (tmp_path / "asks.py").write_text(ASKS)
    asks = subprocess.Popen([sys.executable, str(tmp_path / "asks.py"), str(tmp_path)])
    try:
        assert until((tmp_path / "worker").exists)
        worker = int((tmp_path / "worker").read_text())
        assert is_alive(worker)
        assert worker != asks.pid
        asks.kill()
        # Not reaped: a zombie is no one who asks.
        assert until(lambda: not is_alive(worker))
    finally:
        asks.kill()
        asks.wait()


@pytest.mark.parametrize(
    ("text", "refused"),
    [
        ("compare(configuration, folder)\n", True),
        ('if __name__ == "__main__":\n    compare(configuration, folder)\n', False),
    ],
)
def test_a_script_that_each_worker_would_begin_again_is_refused(text, refused, tmp_path, monkeypatch):
    main = types.ModuleType("__main__")
    main.__file__ = str(tmp_path / "films.py")
    (tmp_path / "films.py").write_text(text)
    monkeypatch.setitem(sys.modules, "__main__", main)
    if refused:
        with pytest.raises(RunError, match="compare\\(\\) starts processes .* films.py anew, .* under"):
            require_guarded_main("compare()")
    else:
        require_guarded_main("compare()")
    main.__file__ = None
    require_guarded_main("compare()")
