import json

import pytest
import yaml

from cotrain.learner import Configuration
from cotrain.tuning import Tuning

pytest.importorskip("optuna", reason="the extra 'hpo' is not installed")

import optuna

from cotrain.tuning._results import TUNED, results_of, write_files

CONFIG = {
    "data": "t.csv",
    "tasks": [{"kind": "Binary", "name": "a"}, {"kind": "Regression", "name": "b"}],
    "tune": {"fields": {"training.learning_rate": {"low": 1e-3, "high": 1e-1}, "training.epochs": [3, 5]}},
}


def searched(objectives, gains):
    configuration = Configuration.from_config(CONFIG)
    tuning = Tuning(CONFIG["tune"]["fields"], objectives=objectives)
    fields = tuning.all_fields(configuration)
    study = optuna.create_study(directions=["maximize"] * (2 if objectives == "per_task" else 1))
    for of in gains:
        trial = study.ask()
        for field in fields:
            field.suggest(trial)
        trial.set_user_attr("gains", of)
        values = (
            list(of.values())
            if objectives == "per_task"
            else [sum(gain for gain in of.values() if gain == gain)]
        )
        study.tell(trial, values)
    return configuration, tuning, fields, study, results_of(study, tuning, fields)


def test_the_best_trial_becomes_the_configuration_of_the_folder(tmp_path):
    gains = [{"a": 0.1, "b": 0.2}, {"a": 0.4, "b": 0.2}, {"a": 0.3, "b": 0.1}]
    *made, study, results = searched("combined", gains)
    assert results["best"] == 1
    assert [trial["score"] for trial in results["trials"]] == pytest.approx([0.15, 0.3, 0.2])
    write_files(tmp_path, *made, study=study, results=results)
    config = yaml.safe_load((tmp_path / "config.yaml").read_text())
    assert config["training"]["learning_rate"] == study.trials[1].params["training.learning_rate"]
    assert config["training"]["epochs"] in (3, 5)
    assert not config.get("tune")
    assert json.loads((tmp_path / TUNED).read_text()) == results
    assert not (tmp_path / "front").exists()


def test_a_task_without_a_value_is_named_and_a_mean_over_fewer_tasks_is_not_the_best():
    nan = float("nan")
    gains = [{"a": 0.1, "b": 0.2, "c": nan}, {"a": 0.4, "b": nan, "c": nan}, {"a": 0.3, "b": 0.1, "c": nan}]
    *_, results = searched("combined", gains)
    assert results["left_out"] == ["c"]
    assert results["best"] == 2
    *_, results = searched("combined", [{"a": 0.1, "b": 0.2}])
    assert results["left_out"] == []


def test_of_several_objectives_the_front_is_written(tmp_path):
    gains = [{"a": 0.1, "b": 0.5}, {"a": 0.4, "b": 0.2}, {"a": 0.05, "b": 0.1}]
    *made, study, results = searched("per_task", gains)
    assert results["front"] == [0, 1]
    write_files(tmp_path, *made, study=study, results=results)
    assert sorted(path.name for path in (tmp_path / "front").iterdir()) == ["0.yaml", "1.yaml"]
    assert (tmp_path / "front.svg").exists()


def test_a_search_without_a_finished_trial_has_no_best():
    *_, results = searched("combined", [])
    assert results["best"] is None
    assert results["trials"] == []
