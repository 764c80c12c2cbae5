from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import optuna
import polars as pl
import pytest

from cotrain._base import ConfigError, RunError
from cotrain.jobs import Leases
from cotrain.learner import Configuration, Learner
from cotrain.tuning import TUNED, tune
from cotrain.tuning._study import ask, fail_abandoned, open_storage, open_study
from cotrain.tuning._tuning import Tuning

RATE = {"training.learning_rate": {"low": 1e-3, "high": 3e-2, "log": True}}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    table = {f"x{i}": x[:, i] for i in range(3)}
    table |= {"a": (x[:, 0] > 0).astype(int), "b": x[:, 1] + 0.1 * rng.normal(size=200)}
    path = tmp_path_factory.mktemp("data") / "t.parquet"
    pl.DataFrame(table).write_parquet(path)
    return path


def job_of(data: Path, **section: Any) -> Configuration:
    return Configuration.from_config(
        {
            "data": str(data),
            "tasks": [{"kind": "Binary", "name": "a"}, {"kind": "Regression", "name": "b"}],
            "encoder": {"kind": "TableEncoder", "width": 8},
            "training": {"epochs": 2, "batch_size": 64},
            "split": {"validation": 0.2, "test": 0.2},
            "tune": section,
        }
    )


def test_the_best_configuration_trains_and_a_second_start_goes_on(data: Path, tmp_path: Path) -> None:
    recorded: list[int] = []
    fields = {**RATE, "encoder.width": [8, 16], "tasks.b.weight": {"low": 0.5, "high": 2.0}}
    folder = tmp_path / "s"
    results = tune(
        job_of(data, fields=fields, trials=3), folder, callback=lambda t, n: recorded.append(t["number"])
    )
    assert recorded == [0, 1, 2]
    assert results == json.loads((folder / TUNED).read_text())
    best = next(trial for trial in results["trials"] if trial["number"] == results["best"])
    assert set(best["values"]) == set(fields)
    assert set(best["gains"]) == {"a", "b"}
    chosen = Configuration.read(folder)
    assert f"{chosen.learner.training.learning_rate:.4g}" == best["values"]["training.learning_rate"]
    assert f"{chosen.learner.tasks[1].weight:.4g}" == best["values"]["tasks.b.weight"]
    more = tune(job_of(data, fields=fields, trials=4), folder)
    assert more["trials"][:3] == results["trials"]
    rates = [trial["values"]["training.learning_rate"] for trial in more["trials"]]
    assert len(set(rates)) == 4
    with pytest.raises(RunError, match="search of another configuration"):
        tune(job_of(data, fields=RATE, trials=3), folder)
    with pytest.raises(RunError, match="search of another configuration"):
        tune(job_of(data, fields=fields, trials=3, objectives="per_task"), folder)
    whole = tune(job_of(data, fields=fields, trials=4), tmp_path / "whole")
    assert [(t["values"], t["score"]) for t in whole["trials"]] == [
        (t["values"], t["score"]) for t in more["trials"]
    ], "a search that was stopped ends as one that was not"


def test_several_objectives_give_a_front_that_is_drawn(data: Path, tmp_path: Path) -> None:
    section = {"task_weights": {"low": 0.1, "high": 10.0, "log": True}, "objectives": "per_task", "trials": 3}
    results = tune(job_of(data, **section), tmp_path / "s")
    assert results["front"]
    picture = ElementTree.fromstring((tmp_path / "s" / "front.svg").read_text())
    assert "Pareto front" in picture.attrib["aria-label"]
    balancer = Configuration.read(tmp_path / "s" / "front" / f"{results['front'][0]}.yaml").learner.balancer
    assert len(balancer.weights_per_task) == 2


def test_trials_that_fail_say_why(data: Path, tmp_path: Path) -> None:
    fields = {"training.batch_size": [64], "training.warmup": [0.1]}
    configuration = job_of(data, fields=fields, trials=2)
    configuration.learner.training.learning_rate = 1e30
    with pytest.raises(RunError, match="No trial has succeeded: RunError: Training diverged"):
        tune(configuration, tmp_path / "s")


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"training.learning_rat": [0.1]}, "training.learning_rat: .*did you mean 'learning_rate'"),
        ({"trainin.epochs": [1]}, "did you mean 'training'"),
        ({"tasks.c.weight": [1.0]}, "'c' is not in the list"),
        ({"training.epochs": {"low": 0, "high": 5}}, "training.epochs is 0: expected at least 1"),
        ({"sharing": ["HardSharin"]}, "did you mean 'HardSharing'"),
    ],
)
def test_an_unknown_field_is_told_before_anything_is_fitted(
    data: Path, tmp_path: Path, fields: dict, message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        tune(job_of(data, fields=fields), tmp_path / "s")


def test_trials_that_would_take_what_their_time_allows_are_refused(data: Path, tmp_path: Path) -> None:
    job = job_of(data, fields=RATE).changed({"training.time_limit": "1m"})
    with pytest.raises(ConfigError, match="time_limit is '1m', and a search gives all fits the same steps"):
        tune(job, tmp_path / "s")
    assert not (tmp_path / "s").exists()


def test_an_objective_that_no_validation_row_can_judge_is_told_before_anything_is_fitted(
    data: Path, tmp_path: Path
) -> None:
    table = pl.read_parquet(data).with_columns(
        part=pl.when(pl.int_range(pl.len()) < 150).then(pl.lit("train")).otherwise(pl.lit("validation"))
    )
    table = table.with_columns(b=pl.when(pl.col("part") == "train").then("b"))
    table.write_parquet(tmp_path / "t.parquet")
    job = job_of(tmp_path / "t.parquet", fields=RATE, trials=2, objectives="per_task")
    job = Configuration.from_config(job.config() | {"split": {"column": "part"}})
    with pytest.raises(ConfigError, match="per_task, and no validation row has a label of b: label some"):
        tune(job, tmp_path / "s")


def test_nothing_to_search_for_is_refused() -> None:
    with pytest.raises(ConfigError, match="names nothing to search for"):
        Tuning()
    with pytest.raises(ConfigError, match="leave the balancer out"):
        Tuning({"balancer": ["Equal"]}, task_weights={"low": 0.1, "high": 1})
    with pytest.raises(ConfigError, match=r"tune\.trials is 0"):
        Tuning(RATE, trials=0)


def test_the_trial_of_a_process_that_is_gone_is_done_again(data: Path, tmp_path: Path) -> None:
    configuration = job_of(data, fields=RATE, trials=2)
    tuning = Tuning(**configuration.tune)
    study = open_study(open_storage(None, tmp_path), configuration, tuning, tmp_path)
    trial = ask(study, configuration, tuning)
    rate = tuning.parsed[0].suggest(trial)
    trial.set_user_attr("lease", "process-gone")
    leases = Leases(tmp_path / "leases")
    fail_abandoned(study, leases)
    assert study.trials[0].state == optuna.trial.TrialState.FAIL
    assert tuning.parsed[0].suggest(ask(study, configuration, tuning)) == rate
    leases.close()


def test_a_poor_trial_is_pruned(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fields = {"training.learning_rate": [0.02, 1e-9]}
    configuration = job_of(data, fields=fields, trials=3, startup=1)
    study = open_study(open_storage(None, tmp_path), configuration, Tuning(**configuration.tune), tmp_path)
    for rate in (0.02, 1e-9, 1e-9):
        study.enqueue_trial({"training.learning_rate": json.dumps(rate)})
    results = tune(configuration, tmp_path)
    assert [trial["state"] for trial in results["trials"]] == ["complete", "pruned", "pruned"]
    assert results["trials"][1]["epochs"] == 1


def test_a_storage_that_is_none_is_told(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="expected journal:PATH, or the URL"):
        tune(job_of(data, fields=RATE), tmp_path / "s", storage="postgres")
    with pytest.raises(ConfigError, match="cannot open this database"):
        tune(job_of(data, fields=RATE), tmp_path / "s", storage="sqlite:////no/such/folder/x.db")


@pytest.mark.slow
def test_a_database_works_too(data: Path, tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'x.db'}"
    results = tune(job_of(data, fields=RATE, trials=1), tmp_path / "s", storage=storage)
    assert results["best"] == 0
    assert os.path.exists(tmp_path / "x.db")


def test_a_learner_knows_nothing_of_it(data: Path) -> None:
    assert isinstance(job_of(data, fields=RATE).learner, Learner)
