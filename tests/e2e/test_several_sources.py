"""Several tables from `init` to `predict`, on the command line."""

import json

import numpy as np
import polars as pl
import pytest
import yaml
from typer.testing import CliRunner

from cotrain.cli._app import app


def table(n: int, seed: int, **columns) -> pl.DataFrame:
    x = np.random.default_rng(seed).normal(size=(n, 2))
    made = {"x": x[:, 0], "y": x[:, 1]}
    made |= {name: make(x) for name, make in columns.items()}
    return pl.DataFrame(made)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sources")
    big = {"big": lambda x: np.where(x[:, 0] > 0, "yes", "no")}
    table(160, 0, **big).write_csv(folder / "a.csv")
    both = {"price": lambda x: 2 * x[:, 1], "extra": lambda x: x[:, 0] ** 2, **big}
    table(90, 1, **both).write_parquet(folder / "b.parquet")
    table(30, 2, **both).write_ndjson(folder / "test.jsonl")
    return folder


def run(*arguments: object) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_several_tables_from_init_to_predict(folder, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    run("init", "a=a.csv", "b=b.parquet", "--targets", "big,price", "--no-probe", "-o", "c.yaml")
    config = yaml.safe_load((folder / "c.yaml").read_text())
    assert config["data"] == {"a": "a.csv", "b": "b.parquet"}
    assert config["mixing"] == "Proportional"

    found = json.loads(run("check", "c.yaml", "--json"))
    assert found["by_source"]["b"]["price"] == {"train": 63, "validation": 9, "test": 18}
    said = [problem["sentence"] for problem in found["problems"] if problem["check"] == "sources"]
    assert any("'big' has labels in the sources 'a', 'b'" in sentence for sentence in said)
    assert any("Source 'a' has no value in the input 'extra'" in sentence for sentence in said)
    assert "Labelled rows by source" in run("check", "c.yaml")

    settings = ["--set", "training.epochs=2", "--set", "mixing=Equal", "--references", "full", "--run", "run"]
    result = json.loads(run("train", "c.yaml", *settings, "--json"))
    assert set(result["by_source"]) == {"a", "b"}
    rows = result["by_source"]["b"]["rows"]
    in_b = {row["task"]: row for row in rows if row["metric"] in ("auroc", "rmse")}
    assert set(in_b) == {"big", "price"}
    assert all(row["references"]["single_task"] is not None for row in in_b.values())
    assert "Some tasks have labels in several sources" in (folder / "run/report.html").read_text()

    figures = json.loads(run("evaluate", "run", "b=test.jsonl", "--json"))
    assert {row["task"] for row in figures["by_source"]["b"]} == {"big", "price"}
    tested = json.loads(run("evaluate", "run", "--part", "test", "--json"))
    assert {row["task"] for row in tested["by_source"]["a"]} == {"big"}

    rows = json.loads(run("predict", "run", "a=a.csv", "--json"))
    assert len(rows) == 160
    assert rows[:5] == json.loads(run("predict", "run", "a.csv", "--json"))[:5]


def test_the_test_rows_may_have_tables_of_their_own(folder, monkeypatch) -> None:
    monkeypatch.chdir(folder)
    tasks = [{"kind": "Binary", "name": "big"}, {"kind": "Regression", "name": "price"}]
    values = {"data": {"a": "a.csv", "b": "b.parquet"}, "test": {"b": "test.jsonl"}, "tasks": tasks}
    (folder / "own.yaml").write_text(yaml.safe_dump({**values, "training": {"epochs": 1}}))
    result = json.loads(run("train", "own.yaml", "--run", "own", "--references", "constant", "--json"))
    assert result["n_rows"]["test"] == 30
    assert result["by_source"]["b"]["coverage"]["price"]["test"] == 30
    again = json.loads(run("evaluate", "own", "--part", "test", "--json"))
    assert again["rows"] == [
        {**row, "references": {"constant": row["references"]["constant"]}} for row in result["rows"]
    ]
