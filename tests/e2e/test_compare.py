"""A comparison from the command line: killed, gone on with, judged, shown."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))

from processes import Start, until

from cotrain.comparison import Running, compare
from cotrain.jobs import Where
from cotrain.learner import Configuration

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
        self.record: list[tuple[str, str | None, Where]] = []

    def total(self, jobs: int) -> None:
        self.jobs = jobs

    def done(self, title: str, reason: str | None, where: Where) -> None:
        self.record.append((title, reason, where))

    def running(self, jobs: Sequence[Running]) -> None:
        pass


def test_a_killed_comparison_goes_on_and_its_results_are_the_same(tmp_path: Path, start: Start) -> None:
    config = config_of(write_table(tmp_path), [A, B], references=["single_task", "trees"])
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    command = [*COMMAND, "compare", str(tmp_path / "c.yaml"), "--workers", "1", "--json"]
    killed = start([*command, "-o", str(tmp_path / "out"), "--quiet"])
    until(lambda: len(list(tmp_path.glob("out/cells/*/cell.json"))) >= 2, killed)
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("out/cells/*/cell.json")}
    assert len(before) >= 2
    noted = Noted()
    results = compare(Configuration.from_config(config), tmp_path / "out", progress=noted)
    assert {path: path.stat().st_mtime_ns for path in before} == before
    assert len(noted.record) == noted.jobs
    assert sum(where == "before" for _, _, where in noted.record) >= 2
    again = Noted()
    repeated = compare(Configuration.from_config(config), tmp_path / "out", progress=again)
    assert all(where == "before" for _, _, where in again.record)
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


def test_pooled_networks_co_training_and_swept_trees_compete_alike(tmp_path: Path) -> None:
    tasks = [B, {"kind": "Regression", "name": "copy"}]
    config = config_of(
        write_table(tmp_path, 300), tasks, references=["single_task", "pooled", "trees"],
        cotraining=[None, {"max_rounds": 1, "strategy": {"kind": "Committee", "networks": 2}}],
        learning_rates=[0.002, 0.004],
    )  # fmt: skip
    config |= {"columns": {"a": "drop", "harm": "drop"}}
    results = compare(Configuration.from_config(config), tmp_path / "out", workers=2)
    methods = {method["name"]: method for method in results["methods"]}
    joint = ["HardSharing + ReferenceScaled", "HardSharing + ReferenceScaled + Committee"]
    assert list(methods) == [*joint, "single_task", "pooled", "trees", "constant"]
    assert not any(method["failed"] for method in methods.values())
    assert set(results["verdicts"]) == {*joint, "pooled"}
    assert results["chosen"] in joint
    for name in (*joint, "pooled"):
        assert list(methods[name]["sweeps"][""]) == ["0.002", "0.004"]
        assert methods[name]["delta_m_per_metric"] is not None
    assert all(len(tried) == 2 for tried in methods["trees"]["sweeps"].values())
    # At every seed the rate is that of the best validation score of that seed.
    assert all(rate in (0.002, 0.004) for rate in methods["pooled"]["learning_rates"].values())
    assert {len(task["figures"]["pooled"]["values"]) for task in results["tasks"]} == {3}


def test_the_choice_of_the_first_seed_can_hold_for_all(tmp_path: Path) -> None:
    config = config_of(write_table(tmp_path, 300), [A, B], learning_rates=[0.002, 0.004], sweep="first_seed")
    results = compare(Configuration.from_config(config), tmp_path / "out", workers=2)
    assert len(list(tmp_path.glob("out/cells/*/cell.json"))) == 3 * (2 + 2)
    assert [len(method["learning_rates"]) for method in results["methods"]] == [1, 2, 0]


def test_a_contender_that_fails_says_why_and_the_others_go_on(tmp_path: Path) -> None:
    balancers = ["Equal", {"kind": "Static", "weights_per_task": [1.0, 2.0, 3.0]}]
    config = config_of(write_table(tmp_path), [A, B], balancers=balancers, learning_rates=[0.004, 1e30])
    results = compare(Configuration.from_config(config), tmp_path / "out")
    failed = {method["name"]: method["failed"] for method in results["methods"] if method["failed"]}
    assert list(failed) == ["HardSharing + Static"]
    assert "InvalidArgumentError" in failed["HardSharing + Static"]
    assert results["chosen"] == "HardSharing + Equal"
    assert [verdict["task"] for verdict in results["verdicts"]["HardSharing + Equal"]] == ["a", "b"]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table whose targets are products of columns: the layers must be learned, random ones do not do."""
    folder = tmp_path_factory.mktemp("planted")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2500, 6))
    b = x[:, 1] * x[:, 2] + x[:, 0]
    table = {f"x{i}": x[:, i] for i in range(6)}
    table["a"] = (x[:, 0] * x[:, 1] + 0.1 * rng.normal(size=len(x)) > 0).astype(int)
    table |= {"b": b + 0.1 * rng.normal(size=len(x)), "copy": b}
    table["harm"] = rng.permutation(x[:, 3] + x[:, 4])
    pl.DataFrame(table).write_parquet(folder / "t.parquet")
    return folder / "t.parquet"


def planted_words(data: Path, folder: Path, third: dict, dropped: str) -> dict[str, str]:
    config = {
        "data": str(data),
        "tasks": [A, B, third],
        "columns": {dropped: "drop"},
        "split": {"validation": 0.15, "test": 0.4},
        "training": {"epochs": 12, "batch_size": 64, "average": 0.9},
        "encoder": {"kind": "TableEncoder", "width": 32},
        "compare": {"balancers": ["Equal"], "references": ["single_task"], "learning_rates": [0.01]},
    }
    results = compare(Configuration.from_config(config), folder, workers=2)
    assert len(results["seeds"]) == 5, "the number that a user gets"
    return {verdict["task"]: verdict["word"] for verdict in results["verdicts"]["HardSharing + Equal"]}


def test_a_task_of_shuffled_labels_and_large_losses_hurts_the_others(planted: Path, tmp_path: Path) -> None:
    harm = {"kind": "Regression", "name": "harm", "weight": 1000.0}
    words = planted_words(planted, tmp_path, harm, "copy")
    assert words["a"] == "hurt"
    # In the few epochs of a test b is still getting better, and may be called so instead.
    assert words["b"] in ("hurt", "unfinished training")
    assert words["harm"] != "helped"


def test_a_task_that_is_there_twice_does_not_help(planted: Path, tmp_path: Path) -> None:
    words = planted_words(planted, tmp_path, {"kind": "Regression", "name": "copy"}, "harm")
    assert "helped" not in words.values()


def test_two_processes_share_the_cells_and_take_over_from_one_that_is_killed(
    tmp_path: Path, start: Start
) -> None:
    config = config_of(
        write_table(tmp_path), [A, B], sharing=["HardSharing", "MMoE"], references=["single_task", "equal"]
    )
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    out = tmp_path / "out"
    command = [*COMMAND, "compare", str(tmp_path / "c.yaml"), "--workers", "1", "-o", str(out), "--no-report"]

    def holds_a_lease(process: subprocess.Popen[str]) -> bool:
        holders = set()
        for path in out.glob("leases/*"):
            # It may be given up or half written at this moment.
            with contextlib.suppress(FileNotFoundError, json.JSONDecodeError):
                holders.add(json.loads(path.read_text() or "{}").get("process"))
        return process.pid in holders

    first = start(command)
    until(lambda: list(out.glob("cells/*/cell.json")), first)
    # Whoever has had its part holds still, so that the others come to theirs however slowly they start.
    first.send_signal(signal.SIGSTOP)
    second, third = start(command), start(command)
    until(lambda: holds_a_lease(second), second)
    second.send_signal(signal.SIGSTOP)
    until(lambda: holds_a_lease(third), third)
    second.send_signal(signal.SIGCONT)
    first.send_signal(signal.SIGKILL)
    said = [process.communicate()[1] for process in (first, second, third)]
    assert second.returncode == third.returncode == 0, said
    results = json.loads((out / "results.json").read_text())
    assert not any(method["failed"] for method in results["methods"])
    here = Counter(re.findall(r"^\d+ of \d+: (.+): done(?:, about|$)", "\n".join(said), re.M))
    # Two sharings and equal weights for one of them, two tasks alone, three seeds; then tests and verdicts.
    assert len(list(out.glob("cells/*/cell.json"))) == (3 + 2) * 3
    assert len(here) >= (3 + 2) * 3 + 4 + 3 - 1
    assert set(here.values()) == {1}, "done twice"
    assert "done by another process" in said[1]
    assert not list(out.glob("leases/*"))
    assert not list(out.glob("cells/*/.*.part"))
