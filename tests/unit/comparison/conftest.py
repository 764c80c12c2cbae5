"""A small comparison with its jobs done in this process."""

import numpy as np
import polars as pl
import pytest

from cotrain._base import RunError
from cotrain.comparison import _grid
from cotrain.learner import Configuration

from .small_comparison import SECTION


def inline(jobs, workers, leases, observer, *, old_failures):
    """Do in this process what the pool would give to others."""
    failed = {}
    for job in jobs:
        there = job.output.exists()
        if not there:
            try:
                job.function(**job.arguments)
            except RunError as error:
                failed[job.name] = str(error)
        observer.done(job, failed.get(job.name), "before" if there else "here")
    return failed


@pytest.fixture
def in_this_process(monkeypatch):
    monkeypatch.setattr(_grid, "run_jobs", inline)


@pytest.fixture
def configuration(tmp_path):
    def make(**changed):
        x = np.random.default_rng(0).normal(size=(90, 2))
        big = [None if i % 3 == 0 else int(v > 0) for i, v in enumerate(x[:, 0])]
        frame = pl.DataFrame({"x": x[:, 0], "y": x[:, 1], "big": big, "price": 10 + 3 * x[:, 1]})
        frame.write_parquet(tmp_path / "t.parquet")
        values = {
            "data": str(tmp_path / "t.parquet"),
            "tasks": [{"kind": "Binary", "name": "big"}, {"kind": "Regression", "name": "price"}],
            "encoder": {"kind": "TableEncoder", "width": 4, "depth": 0},
            "training": {"epochs": 1, "batch_size": 32},
            "compare": SECTION,
        }
        return Configuration.from_config({**values, **changed})

    return make


@pytest.fixture
def seen_by_trees(configuration, tmp_path):
    def make(**changed):
        """A table of which trees learn one task and a network of one epoch does not."""
        made = configuration(answer="auto", **changed)
        rng = np.random.default_rng(0)
        x = rng.normal(size=(300, 2))
        jump = 3 * np.sign(x[:, 0] * x[:, 1])
        frame = pl.DataFrame({"x": x[:, 0], "y": x[:, 1], "big": x[:, 0] > 0, "price": jump})
        frame.write_parquet(tmp_path / "t.parquet")
        return made

    return make
