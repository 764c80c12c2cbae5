import json

import polars as pl


def test_coverage_inputs_and_what_is_worth_a_look_are_shown(cotrain, run):
    status, out, _ = cotrain("check", "job.yaml")
    assert status == 0
    assert "Label coverage (120 rows" in out
    assert "big" in out
    assert "Inputs" in out
    assert "Worth a look" in out or "Nothing suspicious was found." in out


def test_a_leak_is_told_and_stands_in_the_json(cotrain, run):
    table = pl.read_csv("table.csv")
    table.with_columns(copy=table["price"]).write_csv("table.csv")
    _, out, _ = cotrain("check", "job.yaml", "--json")
    problems = json.loads(out)["problems"]
    assert any("copy" in problem["sentence"] for problem in problems)


def test_a_value_can_be_overridden(cotrain, run):
    status, _, err = cotrain("check", "job.yaml", "--set", "data=nowhere.csv")
    assert status == 2
    assert "nowhere.csv" in err
