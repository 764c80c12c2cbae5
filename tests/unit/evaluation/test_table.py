from __future__ import annotations

import json
import math

import pytest

from cotrain._base import InvalidArgumentError
from cotrain.evaluation import EvaluationRow, EvaluationTable

TABLE = EvaluationTable(
    [
        EvaluationRow("a", "auroc", "max", None, 10, 0.8),
        EvaluationRow("a", "auroc", "max", "x", 6, math.nan),
        EvaluationRow("a", "f1", "max", None, 10, 0.5),
        EvaluationRow("b", "rmse", "min", None, 7, 12.345),
    ]
)


def test_rows_are_found_by_name() -> None:
    assert TABLE.tasks == ["a", "b"]
    assert TABLE.value("a") == 0.8
    assert TABLE.value("a", "f1") == 0.5
    assert math.isnan(TABLE.value("a", "auroc", "x"))
    with pytest.raises(InvalidArgumentError, match="no task 'c'"):
        TABLE.value("c")
    with pytest.raises(InvalidArgumentError, match="no row for metric 'rmse'"):
        TABLE.value("a", "rmse")


def test_references_stand_beside_the_value() -> None:
    other = EvaluationTable([EvaluationRow("a", "auroc", "max", None, 10, 0.7)])
    table = TABLE.with_reference("trees", other).with_reference("constant", TABLE)
    assert table.references == ["trees", "constant"]
    assert table.row("a").references == {"trees": 0.7, "constant": 0.8}
    assert math.isnan(table.row("b").references["trees"])
    assert TABLE.references == []


def test_json_has_no_nan() -> None:
    rows = json.loads(json.dumps(TABLE.to_dicts(), allow_nan=False))
    assert rows[1]["value"] is None
    assert rows[3] == {
        "task": "b", "metric": "rmse", "direction": "min", "part": None, "n_labelled": 7, "value": 12.345,
        "references": {},
    }  # fmt: skip


def test_it_prints_itself() -> None:
    assert str(TABLE).splitlines() == [
        "task  metric  labelled  model",
        "a     auroc         10  0.800",
        "a[x]  auroc          6      –",
        "a     f1            10  0.500",
        "b     rmse           7  12.35",
    ]
