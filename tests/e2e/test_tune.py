"""A search from the command line: shared, killed, gone on with, and trained with."""

from __future__ import annotations

import json
import re
import signal
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))

from processes import Start, until

from cotrain.cli._app import app
from cotrain.learner import Configuration

COMMAND = [sys.executable, "-c", "from cotrain.cli import main; main()"]
FILMS = Path(__file__).resolve().parents[2] / "examples" / "films"
N_TRIALS = 12

pytestmark = pytest.mark.slow


@pytest.fixture
def config(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 3))
    table = {f"x{i}": x[:, i] for i in range(3)}
    table |= {"a": (x[:, 0] > 0).astype(int), "b": x[:, 1] + 0.1 * rng.normal(size=len(x))}
    pl.DataFrame(table).write_parquet(tmp_path / "t.parquet")
    values = {
        "data": "t.parquet",
        "tasks": [{"kind": "Binary", "name": "a"}, {"kind": "Regression", "name": "b"}],
        "encoder": {"kind": "TableEncoder", "width": 8},
        "training": {"epochs": 3, "batch_size": 32},
        "tune": {
            "fields": {"training.learning_rate": {"low": 1e-3, "high": 3e-2, "log": True}},
            "task_weights": {"low": 0.1, "high": 10, "log": True},
            "trials": N_TRIALS,
        },
    }
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(values))
    return tmp_path / "c.yaml"


def test_processes_share_a_search_and_do_what_a_killed_one_has_left(config: Path, start: Start) -> None:
    command = [*COMMAND, "tune", str(config), "-o", str(config.parent / "out")]
    first = start(command)
    journal = config.parent / "out" / "study.journal"
    # Each trial is a line with its number when it begins; two have ended when the third has.
    until(lambda: journal.exists() and len(re.findall('"op_code": ?4', journal.read_text())) >= 3, first)
    first.send_signal(signal.SIGKILL)
    first.communicate()
    both = [start([*command, "--json", "--quiet"]), start([*command, "--json", "--workers", "2"])]
    said = [process.communicate() for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    results = json.loads((config.parent / "out" / "tuned.json").read_text())
    ended = [trial for trial in results["trials"] if trial["state"] in ("complete", "pruned")]
    # Each of the three processes may have begun the last trial while another did.
    assert N_TRIALS <= len(ended) <= N_TRIALS + 2
    assert not [trial for trial in results["trials"] if trial["failed"]]
    values = [json.dumps(trial["values"]) for trial in ended]
    assert len(set(values)) == len(values)
    done = CliRunner().invoke(app, ["train", str(config.parent / "out"), "--run", str(config.parent / "run"),
                                    "--quiet", "--no-report"])  # fmt: skip
    assert done.exit_code == 0, done.output
    assert (config.parent / "run" / "metrics.json").exists()


def test_the_table_and_the_next_step_are_told(config: Path) -> None:
    out = config.parent / "out"
    done = CliRunner().invoke(app, ["tune", str(config), "-o", str(out), "--set", "tune.trials=2"])
    assert done.exit_code == 0, done.output
    assert "Best of 2 trials" in done.stdout
    assert f"cotrain train {out}" in " ".join(done.stderr.split())
    assert "weight of a" in done.stdout


def test_the_search_over_the_films_is_valid() -> None:
    from cotrain.tuning import Tuning

    configuration = Configuration.read(FILMS / "tune.yaml")
    assert len(Tuning(**configuration.tune).all_fields(configuration)) == 3 + 6
