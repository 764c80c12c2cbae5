"""A comparison from the command line: killed, gone on with, judged, shown."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from cotrain.comparison import Running, compare
from cotrain.learner import Job

COMMAND = [sys.executable, "-c", "from cotrain.cli import main; main()"]
pytestmark = pytest.mark.slow


def write_table(folder: Path, n_rows: int = 600, noise: float = 1.0) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n_rows, 4))
    a, b = x[:, 0] + noise * rng.normal(size=n_rows), x[:, 1] + x[:, 0] + noise * rng.normal(size=n_rows)
    columns = {f"x{i}": x[:, i] for i in range(4)}
    table = pl.DataFrame({**columns, "a": (a > 0).astype(int), "b": b, "copy": b})
    table = table.with_columns(harm=pl.Series(1000 * rng.permutation(x[:, 2] + x[:, 3])))
    table.write_parquet(folder / "t.parquet")
    return folder / "t.parquet"


def config_of(data: Path, tasks: list[dict], **compare_section: object) -> dict:
    section = {"seeds": 3, "learning_rates": [0.004], "references": ["single_task"], **compare_section}
    return {
        "data": str(data), "tasks": tasks, "training": {"epochs": 3, "batch_size": 64},
        "encoder": {"kind": "TableEncoder", "width": 16}, "compare": section,
    }  # fmt: skip


A = {"kind": "Binary", "name": "a"}
B = {"kind": "Regression", "name": "b"}


class Noted:
    def __init__(self) -> None:
        self.jobs = 0
        self.told: list[tuple[str, str | None, bool]] = []

    def total(self, jobs: int) -> None:
        self.jobs = jobs

    def done(self, title: str, reason: str | None, kept: bool) -> None:
        self.told.append((title, reason, kept))

    def running(self, jobs: Sequence[Running]) -> None:
        pass


def test_a_killed_comparison_goes_on_and_its_results_are_the_same(tmp_path: Path) -> None:
    config = config_of(write_table(tmp_path), [A, B], references=["single_task", "trees"])
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    command = [*COMMAND, "compare", str(tmp_path / "c.yaml"), "--workers", "1", "--json"]
    killed = subprocess.Popen([*command, "-o", str(tmp_path / "out")], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 200
    while len(list(tmp_path.glob("out/cells/*/cell.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/cells/*/cell.json")}
    assert len(before) >= 2
    noted = Noted()
    results = compare(Job.from_config(config), tmp_path / "out", progress=noted)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(noted.told) == noted.jobs
    assert sum(kept for _, _, kept in noted.told) >= 2
    again = Noted()
    repeated = compare(Job.from_config(config), tmp_path / "out", progress=again)
    assert all(kept for _, _, kept in again.told)
    volatile = ("seconds",)
    assert {k: v for k, v in repeated.items() if k not in volatile} == {
        k: v for k, v in results.items() if k not in volatile
    }
    assert results == json.loads((tmp_path / "out" / "results.json").read_text()) | {
        "seconds": results["seconds"]
    }
    assert [task["name"] for task in results["tasks"]] == ["a", "b"]
    assert {"HardSharing + ReferenceScaled", "single_task", "trees", "constant"} <= set(
        results["tasks"][0]["figures"]
    )


def test_a_contender_that_fails_says_why_and_the_others_go_on(tmp_path: Path) -> None:
    balancers = ["Equal", {"kind": "Static", "weights_per_task": [1.0, 2.0, 3.0]}]
    config = config_of(write_table(tmp_path), [A, B], balancers=balancers, learning_rates=[0.004, 1e30])
    results = compare(Job.from_config(config), tmp_path / "out")
    failed = {method["name"]: method["failed"] for method in results["methods"] if method["failed"]}
    assert list(failed) == ["HardSharing + Static"]
    assert "InvalidArgumentError" in failed["HardSharing + Static"]
    assert results["chosen"] == "HardSharing + Equal"
    assert [verdict["task"] for verdict in results["verdicts"]["HardSharing + Equal"]] == ["a", "b"]


def test_a_planted_harmful_task_hurts_and_a_duplicated_one_does_not_help(tmp_path: Path) -> None:
    data = write_table(tmp_path, 1500, noise=0.3)
    # Shuffled labels, and a loss a thousand times larger: with equal weights nothing else is learned.
    harm = {"kind": "Regression", "name": "harm", "weight": 1000.0}
    # Six seeds: how much is left for the others depends on the seed, and three cannot tell that from luck.
    config = config_of(data, [B, harm], balancers=["Equal"], seeds=6)
    config |= {"columns": {"a": "drop", "copy": "drop"}, "training": {"epochs": 12, "batch_size": 64}}
    results = compare(Job.from_config(config), tmp_path / "harm")
    words = {v["task"]: v["word"] for v in results["verdicts"]["HardSharing + Equal"]}
    assert words["b"] == "hurt"
    assert words["harm"] != "helped"
    copy = {"kind": "Regression", "name": "copy"}
    config = config_of(data, [B, copy], balancers=["Equal"]) | {"columns": {"a": "drop", "harm": "drop"}}
    results = compare(Job.from_config(config), tmp_path / "copy")
    assert "helped" not in [v["word"] for v in results["verdicts"]["HardSharing + Equal"]]
