from __future__ import annotations

import math

import pytest

from cotrain._base import InvalidArgumentError
from cotrain.evaluation import EvaluationRow, EvaluationTable, delta_m, delta_m_of

DIRECTIONS = {"auroc": "max", "f1": "max", "rmse": "min", "r2": "max"}


def test_by_hand() -> None:
    joint = {"a": {"auroc": 0.88, "f1": 0.4}, "b": {"rmse": 11.0}}
    single = {"a": {"auroc": 0.80, "f1": 0.5}, "b": {"rmse": 10.0}}
    found = delta_m(joint, single, DIRECTIONS)
    assert found.per_task == pytest.approx({"a": (0.1 - 0.2) / 2, "b": -0.1})
    assert found.value == pytest.approx(-0.075)
    assert found.per_metric == pytest.approx((0.1 - 0.2 - 0.1) / 3)
    assert found.worst_task == "b"


def test_equal_models_gain_nothing() -> None:
    values = {"a": {"auroc": 0.8}, "b": {"rmse": 3.0}, "c": {"r2": -0.4}}
    assert delta_m(values, values, DIRECTIONS).value == 0


def test_a_negative_reference_keeps_better_positive() -> None:
    assert delta_m({"c": {"r2": -0.2}}, {"c": {"r2": -0.4}}, DIRECTIONS).value == pytest.approx(0.5)


def test_what_cannot_be_compared_is_left_out_and_named() -> None:
    joint = {"a": {"auroc": math.nan}, "b": {"rmse": 9.0}, "c": {"r2": 0.3}}
    single = {"a": {"auroc": 0.8}, "b": {"rmse": 10.0}, "c": {"r2": 0.0}}
    found = delta_m(joint, single, DIRECTIONS)
    assert found.value == pytest.approx(0.1)
    assert str(found).startswith("delta_m = +10.00% over 1 tasks.")
    assert str(found).endswith("Left out, because there is nothing to compare: a, c.")
    assert "positive = better" in str(found)
    nothing = delta_m({"a": {"auroc": math.nan}}, {"a": {"auroc": 0.8}}, DIRECTIONS)
    assert math.isnan(nothing.value)
    assert nothing.worst_task is None


def test_missing_parts_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="no single-task value of 'auroc' for task 'a'"):
        delta_m({"a": {"auroc": 0.8}}, {}, DIRECTIONS)
    with pytest.raises(InvalidArgumentError, match="direction of 'auroc'"):
        delta_m({"a": {"auroc": 0.8}}, {"a": {"auroc": 0.8}}, {})


def test_a_table_is_compared_by_its_selecting_metrics() -> None:
    table = EvaluationTable(
        [
            EvaluationRow("a", "auroc", "max", None, 9, 0.9, {"single_task": 0.75}),
            EvaluationRow("a", "f1", "max", None, 9, 0.1, {"single_task": 0.9}),
            EvaluationRow("b", "rmse", "min", None, 9, 9.0, {"single_task": 10.0}),
        ]
    )
    assert delta_m_of(table).value == pytest.approx(0.15)
    with pytest.raises(InvalidArgumentError, match=r"no reference 'trees', it has \['single_task'\]"):
        delta_m_of(table, "trees")


def test_a_delta_m_of_no_task_is_said_to_be_none():
    found = delta_m({"a": {"auroc": float("nan")}}, {"a": {"auroc": 0.5}}, {"auroc": "max"})
    assert str(found).startswith("delta_m is not defined: there is no task that can be compared. Left out")


def test_a_metric_of_one_name_may_be_better_either_way() -> None:
    rows = [
        EvaluationRow("a", "own", "max", None, 9, 2.0, {"single_task": 1.0}),
        EvaluationRow("b", "own", "min", None, 9, 2.0, {"single_task": 1.0}),
    ]
    for order in (rows, rows[::-1]):
        assert delta_m_of(EvaluationTable(order)).per_task == {"a": 1.0, "b": -1.0}
