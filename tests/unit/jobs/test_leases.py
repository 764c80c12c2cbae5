from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from cotrain.jobs import Leases


def test_one_of_many_gets_a_lease_and_gives_it_back(tmp_path: Path) -> None:
    many = [Leases(tmp_path) for _ in range(8)]
    won: list[int] = []
    barrier = threading.Barrier(len(many))

    def claim(number: int) -> None:
        barrier.wait()
        if many[number].claim("k"):
            won.append(number)

    threads = [threading.Thread(target=claim, args=(number,)) for number in range(len(many))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 1
    assert list(many[0].owners()) == ["k"]
    many[won[0]].release("k")
    assert not many[0].owners()
    assert many[0].claim("k")
    many[0].close()
    assert not list(tmp_path.iterdir())


def test_the_lease_of_a_dead_process_is_taken_over_at_once(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from cotrain.jobs._leases import Leases; import os\n"
    code += "assert Leases(Path(sys.argv[1])).claim('k'); os._exit(0)"
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    assert (tmp_path / "k.0").exists()
    first, second = Leases(tmp_path), Leases(tmp_path)
    assert not first.owners()
    assert first.claim("k")
    assert not second.claim("k")
    assert (tmp_path / "k.1").exists()


def test_what_a_dead_owner_has_left_of_a_finished_job_is_swept_up_and_nothing_else(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from cotrain.jobs._leases import Leases; import os\n"
    code += (
        "leases = Leases(Path(sys.argv[1])); assert leases.claim('k') and leases.claim('other'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    alive, sweeper = Leases(tmp_path), Leases(tmp_path)
    assert alive.claim("held")
    for key in ("k", "held", "nobody's"):
        sweeper.sweep(key)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["held.0", "other.0"]


def test_an_owner_on_another_machine_is_gone_when_it_has_been_still_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr(sys.modules[Leases.__module__], "time", SimpleNamespace(monotonic=lambda: clock[0]))
    path = tmp_path / "k.0"
    path.write_text(json.dumps({"host": "far", "machine": "far", "process": 1}))
    leases = Leases(tmp_path, seconds=60)
    assert not leases.claim("k")
    for number in range(4):
        clock[0] += 59
        os.utime(path, ns=(number, number))
        assert not leases.claim("k"), "it was touched since"
    clock[0] += 59
    assert not leases.claim("k")
    clock[0] += 2
    assert leases.claim("k")


def test_an_owner_that_lives_touches_its_lease(tmp_path: Path) -> None:
    leases = Leases(tmp_path, seconds=0.06)
    assert leases.claim("k")
    before = (tmp_path / "k.0").stat().st_mtime_ns
    # However long it takes: only an owner that never touches it would keep this waiting.
    while (tmp_path / "k.0").stat().st_mtime_ns == before:
        time.sleep(0.01)
    assert (tmp_path / "k.0").stat().st_mtime_ns > before
    leases.close()


def test_a_slow_owner_does_not_take_the_lease_of_its_successor(tmp_path: Path) -> None:
    slow, other = Leases(tmp_path), Leases(tmp_path)
    assert slow.claim("k")
    (tmp_path / "k.1").write_text((tmp_path / "k.0").read_text())  # somebody held it for gone
    slow.release("k")
    assert [path.name for path in tmp_path.iterdir()] == ["k.1"]
    assert not other.claim("k")
