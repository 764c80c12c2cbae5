"""What a run does, in which order, and what it leaves."""

import json
import sys
from importlib import metadata

import numpy as np
import polars as pl
import pytest

from cotrain._base import DataError, MissingExtraError, RunError
from cotrain.comparison import train_run
from cotrain.comparison.runs import _train_run
from cotrain.learner import Configuration, Learner
from cotrain.learner._run_folder import verify_run
from cotrain.reporting import report_of_folder
from cotrain.reporting._curves import curve_section
from cotrain.reporting._draw import Pen
from cotrain.training._time_plan import TimePlan


@pytest.fixture
def values(tmp_path):
    x = np.random.default_rng(0).normal(size=(90, 2))
    big = [None if i % 3 == 0 else int(v > 0) for i, v in enumerate(x[:, 0])]
    # No label of any task in the last ten rows.
    price = [None if i % 2 else 10 + 3 * v for i, v in enumerate(x[:, 1])]
    frame = pl.DataFrame({"x": x[:, 0], "y": x[:, 1], "big": big, "price": price})
    last = pl.int_range(pl.len()) >= 80
    frame = frame.with_columns(
        pl.when(last).then(None).otherwise(name).alias(name) for name in ("big", "price")
    )
    frame.write_csv(tmp_path / "t.csv")
    return {
        "data": str(tmp_path / "t.csv"),
        "tasks": [{"kind": "Binary", "name": "big"}, {"kind": "Regression", "name": "price"}],
        "encoder": {"kind": "TableEncoder", "width": 4, "depth": 0},
        "training": {"epochs": 1, "batch_size": 32},
        "split": {"validation": 0.2, "test": 0.2},
        "references": "constant",
    }


def run(values, folder, **options):
    return train_run(Configuration.from_config(values), folder, progress=False, **options)


def test_the_run_is_sealed_and_holds_what_is_returned(values, tmp_path):
    lines = []
    result = run(values, tmp_path / "r", message=lines.append)
    verify_run(tmp_path / "r")
    assert json.loads((tmp_path / "r" / "metrics.json").read_text()) == json.loads(
        json.dumps(result.to_json())
    )
    rows = result.n_rows
    unlabelled = rows["unlabelled"] + rows["unused"]
    # Of the first 80 rows every sixth has no label: 3, 9, ... 75.
    assert unlabelled == 13 + 10
    assert rows["train"] + rows["validation"] + rows["test"] + unlabelled == 90
    train = _train_run.SplitTable.of(Configuration.from_config(values))["train"]
    said = ", ".join(f"{name} {train[name].count()}" for name in ("big", "price"))
    assert lines[0] == (
        f"90 rows: {rows['train']} train, {rows['validation']} validation, {rows['test']} test, "
        f"{unlabelled} without any label. Training rows with a label: {said}."
    )
    assert set(result.seconds) == {"read", "train"}
    assert result.delta_m is None
    assert [verdict.task for verdict in result.verdicts] == ["big", "price"]
    loaded = Learner.load(tmp_path / "r")
    test = _train_run.SplitTable.of(Configuration.from_config(values))["test"]
    found = {(row.task, row.metric): row.value for row in loaded.evaluate(test).rows}
    assert {(row.task, row.metric): row.value for row in result.table.rows} == found


def test_trees_of_another_library_are_named_and_answer_without_it_later(values, tmp_path, monkeypatch):
    lines = []
    values |= {"references": "trees", "answer": "auto", "trees": "lightgbm"}
    x = np.random.default_rng(0).normal(size=(200, 2))
    jump = 3 * np.sign(x[:, 0] * x[:, 1])
    pl.DataFrame({"x": x[:, 0], "y": x[:, 1], "big": x[:, 0] > 0, "price": jump}).write_csv(values["data"])
    result = run(values, tmp_path / "r", message=lines.append)
    assert any("trees per target (LightGBM);" in line for line in lines)
    assert result.versions["lightgbm"] == metadata.version("lightgbm")
    rows = {row.task: row for row in result.table.rows if row.metric in ("rmse", "auroc")}
    assert rows["price"].references["trees"] < 0.7 * rows["price"].references["constant"]
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    loaded = Learner.load(tmp_path / "r")
    assert "trees" in loaded.answers["price"]
    assert loaded.trees == "lightgbm"
    test = _train_run.SplitTable.of(Configuration.from_config(values))["test"]
    assert loaded.evaluate(test).value("price") == pytest.approx(rows["price"].references["answer"])


@pytest.mark.parametrize("changed", [{"references": "trees"}, {"answer": "auto"}])
def test_trees_of_a_package_that_is_absent_are_refused_before_anything_is_fitted(
    values, tmp_path, monkeypatch, changed
):
    monkeypatch.setitem(sys.modules, "lightgbm", None)
    with pytest.raises(MissingExtraError, match=r"run pip install 'cotrain\[trees\]'"):
        run(values | {"trees": "lightgbm"} | changed, tmp_path / "r")
    assert not list(tmp_path.glob("r/*.safetensors"))
    # Nobody asks for trees here.
    assert "lightgbm" not in run(values | {"trees": "lightgbm"}, tmp_path / "other").versions


def test_every_reference_is_asked_for_and_named_while_it_is_made(values, tmp_path):
    lines = []
    result = run(values | {"references": "full"}, tmp_path / "r", message=lines.append)
    assert [line for line in lines[1:] if line.startswith("Reference")] == [
        "Reference 1 of 2: a network for big alone, as many steps.",
        "Reference 2 of 2: a network for price alone, as many steps.",
        "Reference: gradient-boosted trees per target (scikit-learn); words through a linear model of them.",
    ]
    assert list(result.seconds) == ["read", "train", "single_task", "trees"]
    assert result.delta_m is not None
    assert result.delta_m_sentence.startswith("On this seed, not judged: ")


def test_lone_networks_take_as_many_steps_as_time_left_the_joint_one(values, tmp_path, monkeypatch):
    seen, lines = [], []
    fit = _train_run.fit_learner

    def noted(learner, data, validation, options):
        seen.append((learner.training.epochs, learner.training.time_limit, options.time_limit))
        if options.time_limit is not None:
            monkeypatch.setattr(TimePlan, "end_epoch", lambda plan, done: setattr(plan, "epochs", 2) or "")
        return fit(learner, data, validation, options)

    monkeypatch.setattr(_train_run, "fit_learner", noted)
    training = {"epochs": 10, "batch_size": 32, "time_limit": "30s"}
    run(values | {"references": "full", "training": training}, tmp_path / "r", message=lines.append)
    assert seen[0] == (10, "30s", 10.0)
    # Two epochs of two batches for the joint network; each task has labels in one or two batches.
    assert all(limit is None and given is None and epochs in (2, 4) for epochs, limit, given in seen[1:])
    assert "3 networks of as many steps share the time limit: 10 s for the joint one." in lines


def test_without_test_rows_nothing_is_judged(values, tmp_path):
    result = run(values | {"split": {"validation": 0.2, "test": 0.0}}, tmp_path / "r")
    assert len(result.table) == 0
    assert result.verdicts == []
    assert result.diagnostics == {}


def test_the_test_rows_are_looked_at_after_everything_is_fitted(values, tmp_path, monkeypatch):
    told = []
    fit, evaluate = _train_run.fit_learner, Learner.evaluate
    monkeypatch.setattr(_train_run, "fit_learner", lambda *a: told.append("fit") or fit(*a))
    monkeypatch.setattr(Learner, "evaluate", lambda *a: told.append("evaluate") or evaluate(*a))
    run(values | {"references": "full"}, tmp_path / "r")
    assert told == ["fit"] * 3 + ["evaluate"] * 3


def test_a_finished_run_is_replaced_or_gone_on_with_only_if_that_is_asked_for(values, tmp_path):
    run(values, tmp_path / "r")
    before = (tmp_path / "r" / "model.safetensors").read_bytes()
    with pytest.raises(RunError):
        run(values, tmp_path / "r")
    verify_run(tmp_path / "r")
    run(values, tmp_path / "r", resume=True)
    assert (tmp_path / "r" / "model.safetensors").read_bytes() == before
    run(values | {"seed": 5}, tmp_path / "r", overwrite=True)
    assert (tmp_path / "r" / "model.safetensors").read_bytes() != before


def test_a_table_without_labels_leaves_no_run(values, tmp_path):
    pl.read_csv(tmp_path / "t.csv").with_columns(big=pl.lit(None), price=pl.lit(None)).write_csv(
        tmp_path / "t.csv"
    )
    with pytest.raises(DataError):
        run(values, tmp_path / "r")
    assert not (tmp_path / "r" / "manifest.json").exists()


def test_tensorboard_follows_the_joint_fit_alone(values, tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    run(values | {"references": "full"}, tmp_path / "r", tensorboard=True)
    assert len(list((tmp_path / "r" / "tensorboard").iterdir())) == 1


@pytest.mark.parametrize("references", ["constant", "full"])
def test_whoever_answers_is_one_more_reference_and_nothing_is_fitted_twice(
    values, tmp_path, references, monkeypatch
):
    fitted = []
    fit = _train_run.fit_learner
    monkeypatch.setattr(_train_run, "fit_learner", lambda *a: fitted.append("joint") or fit(*a))
    rows = np.random.default_rng(0).normal(size=(400, 2))
    frame = pl.DataFrame(
        {
            "x": rows[:, 0],
            "y": rows[:, 1],
            "big": [None if i % 3 == 0 else int(v > 0) for i, v in enumerate(rows[:, 0])],
            "price": [
                None if i % 2 else 10 * float(v > 0) for v, i in zip(rows[:, 1], range(400), strict=True)
            ],
        }
    )
    frame.write_csv(tmp_path / "t.csv")
    result = run(values | {"references": references, "answer": "auto"}, tmp_path / "r")
    # The networks for single tasks are those that were fitted to answer.
    assert fitted == ["joint"]
    names = {
        "constant": ["constant", "single_task", "answer"],
        "full": ["constant", "trees", "single_task", "answer"],
    }
    assert set(result.table.references) == set(names[references])
    assert [answer.task for answer in result.answers] == ["big", "price"]
    test = _train_run.SplitTable.of(Configuration.from_config(values))["test"]
    loaded = Learner.load(tmp_path / "r")
    verify_run(tmp_path / "r")
    for row in loaded.evaluate(test):
        found = result.table.row(row.task, row.metric, row.part).references["answer"]
        assert found == pytest.approx(row.value, nan_ok=True)
    assert loaded.answers == {answer.task: answer.answer for answer in result.answers}
    saved = json.loads((tmp_path / "r" / "metrics.json").read_text())
    assert saved["answers"] == json.loads(json.dumps([answer.to_json() for answer in result.answers]))


def test_thresholds_are_said_and_kept_with_the_figures(values, tmp_path):
    values["tasks"][0]["threshold"] = "f1"
    result = run(values, tmp_path / "r")
    (sentence,) = result.thresholds
    assert sentence.startswith("big: decided at 0.")
    assert json.loads((tmp_path / "r" / "metrics.json").read_text())["thresholds"] == [sentence]


@pytest.mark.parametrize("select", ["auto", "per_task", "combined", "last"])
@pytest.mark.parametrize("test", [0.0, 0.2])
def test_the_report_shows_the_epoch_that_is_kept_and_the_way_in_which_a_metric_is_better(
    values, tmp_path, select, test
):
    values["training"] |= {"epochs": 4, "select": select, "learning_rate": 0.05}
    values["split"] = {"validation": 0.2, "test": test}
    result = run(values, tmp_path / "r")
    kept = {task: curve["kept"] for task, curve in result.curves.items()}
    criteria = {"big": "combined", "price": "combined"} if select == "combined" else {t: t for t in kept}
    expected = dict.fromkeys(kept, 4) if select == "last" else {
        task: result.best_epoch[criterion] for task, criterion in criteria.items()
    }  # fmt: skip
    assert kept == expected
    history = [json.loads(line) for line in (tmp_path / "r" / "history.jsonl").read_text().splitlines()]
    best = max(history, key=lambda record: record["validation"]["big"])["epoch"] + 1
    section = curve_section(
        history, json.loads((tmp_path / "r" / "metrics.json").read_text())["curves"], Pen()
    )
    assert f"validation auroc best in epoch {best} " in section.blocks[0].title


def strict(text):
    def refuse(constant):
        raise ValueError(constant)

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("cotraining", [False, True])
def test_figures_that_are_not_defined_are_null(tmp_path, cotraining):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 2))
    rare = [1 if i in (3, 40, 41, 80) else 0 for i in range(120)]
    seldom = [float(v) if i < 30 else None for i, v in enumerate(x[:, 1])]
    frame = pl.DataFrame({"x": x[:, 0], "z": x[:, 1], "rare": rare, "seldom": seldom, "at": list(range(120))})
    frame.write_csv(tmp_path / "t.csv")
    values = {
        "data": str(tmp_path / "t.csv"),
        "tasks": [{"kind": "Binary", "name": "rare"}, {"kind": "Regression", "name": "seldom"}],
        "columns": {"at": "drop"},
        "encoder": {"kind": "TableEncoder", "width": 4, "depth": 0},
        "training": {"epochs": 2, "batch_size": 32},
        # Neither the validation nor the test rows have a label of one task, or both classes of the other.
        "split": {"validation": 0.2, "test": 0.2, "time": "at"},
        "references": "full",
    }
    if cotraining:
        values["cotraining"] = {"max_rounds": 1}
    result = train_run(Configuration.from_config(values), tmp_path / "r", progress=False)
    assert "nan" not in result.delta_m_sentence
    files = [path for path in (tmp_path / "r").rglob("*") if path.suffix in (".json", ".jsonl")]
    assert {"metrics.json", "history.jsonl", "examples.json"} <= {path.name for path in files}
    for path in files:
        for text in path.read_text().splitlines() if path.suffix == ".jsonl" else [path.read_text()]:
            strict(text)
    assert report_of_folder(tmp_path / "r").startswith("<!doctype html>")
    history = [strict(line) for line in (tmp_path / "r" / "history.jsonl").read_text().splitlines()]
    assert history[0]["validation"]["seldom"] is None
