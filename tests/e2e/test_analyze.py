"""What `cotrain analyze` says of a run in which something is planted."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from cotrain.cli._app import app
from cotrain.comparison import train_run
from cotrain.learner import Configuration

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run under equal weights in which `harm` is noise in a large unit, and `b` is hard where g is odd."""
    folder = tmp_path_factory.mktemp("planted")
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1500, 4))
    odd = rng.random(1500) < 0.3
    pl.DataFrame(
        {
            **{f"x{i}": x[:, i] for i in range(4)},
            "a": (x[:, 0] > 0).astype(int),
            "b": x[:, 0] + x[:, 1] + np.where(odd, 2.0, 0.1) * rng.normal(size=1500),
            "harm": rng.permutation(x[:, 2]),
            "group": np.where(odd, "odd", "even"),
        }
    ).write_parquet(folder / "t.parquet")
    config = {
        "data": str(folder / "t.parquet"),
        "tasks": [
            {"kind": "Binary", "name": "a"},
            {"kind": "Regression", "name": "b"},
            {"kind": "Regression", "name": "harm", "weight": 1000.0},
        ],
        "columns": {"group": "drop"},
        "encoder": {"kind": "TableEncoder", "width": 16},
        "training": {"epochs": 6, "batch_size": 64, "monitor": 5},
        "balancer": "Equal",
        "references": "constant",
    }
    train_run(Configuration.from_config(config), folder / "run", progress=False)
    return folder / "run"


def test_the_culprit_is_named_with_what_to_try(run: Path) -> None:
    found = json.loads(CliRunner().invoke(app, ["analyze", str(run), "--json"]).stdout)
    record = " ".join(found["sentences"][:3])
    assert "harm's gradient is" in record
    assert "try ReferenceScaled" in record
    share = dict(zip(found["gradients"]["tasks"], found["gradients"]["share"], strict=True))
    assert share["harm"] > 0.9


def test_the_group_with_the_larger_errors_is_named(run: Path) -> None:
    done = CliRunner().invoke(app, ["analyze", str(run), "--by", "group"])
    assert done.exit_code == 0
    text = " ".join(done.stdout.split())
    assert "b is worse where group is odd" in text
    assert "Gradients on the shared parameters" in text


def test_a_column_that_is_not_there_is_told_with_a_near_name(run: Path) -> None:
    done = CliRunner().invoke(app, ["analyze", str(run), "--by", "grup"])
    assert "the table has no such column" in str(done.exception)
    assert "group" in str(done.exception)
