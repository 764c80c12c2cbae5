from __future__ import annotations

import polars as pl
import pytest

from cotrain.data import Schema
from cotrain.data.checks import check_weights, find_problems
from cotrain.data.checks._weights import weight_columns
from cotrain.tasks import Regression


@pytest.mark.parametrize(
    "name",
    ["weight", "Weights", "sample_weight", "row weight", "survey.weight", "wt", "WGT", "fnlwgt", "pweight"],
)
def test_a_column_that_is_called_so_is_pointed_out(name: str) -> None:
    frame = pl.DataFrame({name: [0.5, 2.0] * 20})
    (problem,) = check_weights(frame, [name])
    assert problem.severity == "warning"
    assert f"sample_weight: {name}." in problem.sentence


def test_others_are_not() -> None:
    names = ["weight_kg", "overweight", "height", "w"]
    frame = pl.DataFrame({name: [0.5, 2.0] for name in names} | {"weight": ["a", "b"], "wt": [-1.0, 2.0]})
    assert weight_columns(frame, frame.columns) == []


def test_what_is_a_weight_is_no_input_and_not_pointed_out() -> None:
    frame = pl.DataFrame({"weight": [1.0, 2.0] * 40, "x": range(80), "y": [float(i) for i in range(80)]})
    task = Regression("y", sample_weight="weight")
    schema = Schema.infer(frame, exclude=["y", "weight"])
    assert "weights" not in {problem.check for problem in find_problems(frame, [task], schema)}
    schema = Schema.infer(frame, exclude=["y"])
    assert "weights" in {problem.check for problem in find_problems(frame, [Regression("y")], schema)}
