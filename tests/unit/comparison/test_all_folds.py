"""Cross-validation from the first cell to results.json."""

import numpy as np
import polars as pl
import pytest
import yaml

from cotrain.comparison import _grid, compare
from cotrain.learner import Learner

from .conftest import inline
from .small_comparison import SECTION, Counter

pytestmark = pytest.mark.usefixtures("in_this_process")


def test_with_folds_every_labelled_row_is_tested_once_by_fits_that_had_not_seen_it(configuration, tmp_path):
    counter = Counter()
    section = {**SECTION, "folds": 3, "learning_rates": [0.01]}
    results = compare(configuration(compare=section), tmp_path / "out", progress=counter)
    # Three folds of joint and two alone at three seeds, and the scores of two methods; one verdict.
    assert counter.jobs == len(counter.titles) == 3 * (3 * 3 + 2) + 1
    assert results["folds"] == 3
    assert results["n_rows"]["test"] == 90
    assert "3 folds: each of the 90 labelled rows was a test row once" in " ".join(results["notes"])
    parts = tmp_path / "out" / "parts"
    tested = []
    for number in (1, 2, 3):
        rows = {part: rows_of(parts / f"fold-{number}", part) for part in ("train", "validation", "test")}
        assert sum(frame.height for frame in rows.values()) == 90
        seen = set(rows["train"]["x"].to_list()) | set(rows["validation"]["x"].to_list())
        assert not seen & set(rows["test"]["x"].to_list())
        tested.append(rows["test"])
    together = pl.concat(tested)
    (whole,) = parts.glob("*/test.parquet")
    assert together.equals(pl.read_parquet(whole))
    assert together["x"].n_unique() == 90
    task = next(one for one in results["tasks"] if one["name"] == "price")
    assert task["n_labelled"] == 90
    assert len(task["figures"][results["chosen"]]["values"]) == 3


def test_figures_of_folds_are_those_of_their_predictions_put_together(configuration, tmp_path):
    """The literal way: load each fold's network, predict its test rows, and compute the metric over all."""
    section = {**SECTION, "folds": 2, "learning_rates": [0.01]}
    results = compare(configuration(compare=section), tmp_path / "out")
    by_seed = {}
    for cell in (tmp_path / "out" / "cells").iterdir():
        config = yaml.safe_load((cell / "model" / "config.yaml").read_text())
        if len(config["tasks"]) == 2:
            by_seed.setdefault(config.get("seed", 0), []).append(Learner.load(cell / "model"))
    figures = next(one for one in results["tasks"] if one["name"] == "price")["figures"][results["chosen"]]
    folds = [rows_of(tmp_path / "out" / "parts" / f"fold-{k}", "test") for k in (1, 2)]
    for seed, learners in sorted(by_seed.items()):
        # Which network is of which fold is told by what it was standardised with.
        errors = []
        for learner in learners:
            of = [k for k in (1, 2) if learner_is_of(learner, tmp_path / "out" / "parts" / f"fold-{k}")]
            (number,) = of
            rows = folds[number - 1]
            errors.append(learner.predict(rows)["price"].to_numpy() - rows["price"].to_numpy())
        rmse = float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))
        assert figures["values"][seed] == pytest.approx(rmse, rel=1e-5)


def rows_of(fold, part):
    (path,) = fold.glob(f"*/{part}.parquet")
    return pl.read_parquet(path)


def learner_is_of(learner, parts):
    train = rows_of(parts, "train")["price"]
    state = next(task for task in learner.preprocessor.tasks if task.name == "price").state_dict()
    return np.isclose(state["means"][0], train.mean(), rtol=1e-9)


def test_folds_choose_who_answers_each_for_itself(seen_by_trees, tmp_path):
    section = {**SECTION, "folds": 2, "learning_rates": [0.01], "references": ["single_task", "trees"]}
    made = seen_by_trees(compare=section)
    counter = Counter()
    results = compare(made, tmp_path / "out", progress=counter)
    assert counter.jobs == len(counter.titles)
    price = next(one for one in results["answers"] if one["task"] == "price")
    assert len(price["by_seed"]) == 2 * 3
    assert "trees at all 6 fits" in price["sentence"]


@pytest.mark.parametrize("failing", ["network of both", "network of one", "trees"])
def test_fits_that_fail_in_one_fold_alone_leave_a_comparison_of_the_others(
    failing, seen_by_trees, tmp_path, monkeypatch
):
    section = {**SECTION, "folds": 2, "learning_rates": [0.01], "references": ["single_task", "trees"]}

    def of_the_second_fold(job):
        given = job.arguments
        if job.output.name != "cell.json" or "fold-2" not in given["parts"]:
            return False
        kind = (
            "trees" if "learning_rate" in given else f"network of {_NUMBERS[len(given['config']['tasks'])]}"
        )
        return kind == failing

    def failing_there(jobs, *others, **options):
        bad = [job.name for job in jobs if of_the_second_fold(job)]
        done = inline([job for job in jobs if job.name not in bad], *others, **options)
        return done | dict.fromkeys(bad, "Training diverged.")

    monkeypatch.setattr(_grid, "run_jobs", failing_there)
    results = compare(seen_by_trees(compare=section), tmp_path / "out")
    failed = {method["name"]: method["failed"] for method in results["methods"] if method["failed"]}
    name = {"network of one": "single_task", "trees": "trees"}.get(failing, "HardSharing + ReferenceScaled")
    assert list(failed) == [name]
    assert failed[name].startswith("fold 2: ")
    # Nobody answers who was not there in every fold.
    by = {who for one in results["answers"] for of in one["by_seed"] for who in of["weights"]}
    assert by <= {"joint", "alone"}
    said = "had no trees to choose" if failing == "trees" else "had nobody to choose from"
    assert said in " ".join(results["notes"])
    assert bool(results["answers"]) == (failing == "trees")


_NUMBERS = {1: "one", 2: "both"}
