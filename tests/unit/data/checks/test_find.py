import json
from dataclasses import asdict

import numpy as np
import polars as pl

from cotrain.data import Schema, find_problems
from cotrain.tasks import Binary, Multiclass, Regression

N = 300
TABLE = pl.DataFrame(
    {
        "x": np.random.default_rng(0).normal(size=N),
        "same": [1] * N,
        "sold": [0, 1, None] * 100,
        "copy": [0, 1, 1] * 100,
        "none": [None] * N,
        "once": ["a", "b"] * 149 + ["a", "c"],
        "words": ["one", "two", "three"] * 100,
    }
)
TARGETS = ["sold", "none", "once", "words"]


def test_finds_all_kinds_of_problems_the_gravest_first() -> None:
    tasks = [Binary("sold"), Regression("none"), Multiclass("once"), Regression("words"), Binary("sodl")]
    parts = {"train": np.arange(200), "test": np.arange(200, N)}
    problems = find_problems(TABLE, tasks, Schema.infer(TABLE, exclude=TARGETS), parts)
    severities = [problem.severity for problem in problems]
    assert severities == sorted(severities, key=["error", "warning", "note"].index)
    errors = {problem.subject: problem.sentence for problem in problems if problem.severity == "error"}
    assert set(errors) == {"none", "once", "words", "sodl"}
    assert "did you mean 'sold'" in errors["sodl"]
    assert "'c'" in errors["once"]
    checks = {problem.check for problem in problems}
    assert checks == {"target", "coverage", "classes", "leakage", "columns"}
    assert json.loads(json.dumps([asdict(problem) for problem in problems]))


def test_the_tasks_are_left_as_they_are() -> None:
    task = Binary("sold")
    before = dict(vars(task))
    find_problems(TABLE, [task], Schema.infer(TABLE, exclude=TARGETS))
    assert vars(task) == before


def test_a_sound_table_has_no_errors_and_no_warnings() -> None:
    rng = np.random.default_rng(0)
    table = pl.DataFrame({"x": rng.normal(size=900), "y": rng.integers(0, 2, 900)})
    problems = find_problems(
        table,
        [Binary("y")],
        Schema.infer(table, exclude=["y"]),
        {"train": np.arange(600), "test": np.arange(600, 900)},
    )
    assert {problem.severity for problem in problems} == {"note"}
