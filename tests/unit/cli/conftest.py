"""One small run for the tests of all commands, and a way to call them in this process."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
import yaml

from cotrain.cli import main

CONFIG = {
    "data": "table.csv",
    "tasks": [{"kind": "Binary", "name": "big"}, {"kind": "Regression", "name": "price"}],
    "encoder": {"kind": "TableEncoder", "width": 8, "depth": 0},
    "training": {"epochs": 2, "batch_size": 32},
    "split": {"validation": 0.2, "test": 0.2},
    "references": "constant",
}

Call = Callable[..., tuple[int, str, str]]


def table() -> pl.DataFrame:
    x = np.random.default_rng(0).normal(size=(120, 2))
    big = [None if i % 3 == 0 else int(v > 0) for i, v in enumerate(x[:, 0])]
    price = [None if i % 2 == 0 else round(10 + 3 * v, 3) for i, v in enumerate(x[:, 1])]
    return pl.DataFrame({"x": x[:, 0].round(4), "y": x[:, 1].round(4), "big": big, "price": price})


@pytest.fixture
def cotrain(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run a command; give its status, standard output and standard error."""
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["cotrain", *map(str, arguments)])
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = int(stop.code or 0)
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with table.csv, job.yaml and the finished run r."""
    from cotrain.comparison import train_run
    from cotrain.learner import Configuration

    folder = tmp_path_factory.mktemp("run")
    table().write_csv(folder / "table.csv")
    (folder / "job.yaml").write_text(yaml.safe_dump(CONFIG))
    train_run(Configuration.read(folder / "job.yaml"), folder / "r", progress=False)
    return folder


@pytest.fixture
def run(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The run, in a copy that the test may change; the copy's folder is the working directory."""
    shutil.copytree(finished, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    return tmp_path / "copy" / "r"
