"""Steps of a joint network that hold few labels of a task are told of where it is hurt."""

import re

import polars as pl
import pytest

import cotrain as ct
from cotrain.comparison import _compare, compare
from cotrain.comparison._labels_a_step import MOST, note_on_few_labels
from cotrain.comparison._results import results_of
from cotrain.data.sources import Equal, Proportional

from .small_comparison import SECTION


def learner(batch_size=32):
    tasks = [ct.tasks.Regression(name) for name in "abcdefgh"]
    return ct.Learner(tasks, training=ct.Training(batch_size=batch_size))


def test_each_task_on_rows_of_its_own_has_an_eighth_of_a_step():
    labelled = dict.fromkeys("abcdefgh", 110)
    (said,) = note_on_few_labels(learner(), list("abcdefgh"), labelled, 880)
    assert said == (
        "A step of 32 rows has 4 labels of a, alone 32; 4 labels of b, alone 32; 4 labels of c, alone 32; 5 "
        "other tasks are like that: that may be what hurts. Try training.batch_size=256."
    )


@pytest.mark.parametrize("share", [1.0, 0.9, 0.51])
def test_a_task_that_most_rows_have_is_not_told_of(share):
    assert note_on_few_labels(learner(), ["a"], {"a": int(1000 * share), "b": 1000}, 1000) == []


def test_rows_that_fit_into_one_step_are_all_in_it():
    assert note_on_few_labels(learner(64), ["a"], {"a": 3, "b": 40}, 40) == []


@pytest.mark.parametrize(("mixing", "told"), [(None, 1), (Proportional(), 1), (Equal(), 0)])
def test_steps_that_are_mixed_otherwise_are_not_told_of(mixing, told):
    made = learner()
    made.mixing = mixing
    assert len(note_on_few_labels(made, ["a"], {"a": 100}, 1000)) == told


def test_only_what_is_hurt_is_told_of():
    labelled = {"a": 100, "b": 1000}
    assert note_on_few_labels(learner(), [], labelled, 1000) == []
    assert note_on_few_labels(learner(), ["b"], labelled, 1000) == []
    assert len(note_on_few_labels(learner(), ["a", "b"], labelled, 1000)) == 1


@pytest.mark.parametrize(("n_labels", "n_rows"), [(1, 100_000), (3, 400), (40, 300), (500, 10_000)])
def test_the_steps_it_proposes_have_as_many_labels_or_eight_times_the_rows(n_labels, n_rows):
    size = 64
    (said,) = note_on_few_labels(learner(size), ["a"], {"a": n_labels}, n_rows)
    found = re.search(r"batch_size=(\d+)", said)
    assert found is not None
    proposed = int(found[1])
    assert size < proposed <= MOST * size
    alone = min(size, n_labels)
    assert proposed * n_labels / n_rows >= alone - 1e-9 or proposed == MOST * size


@pytest.mark.usefixtures("in_this_process")
@pytest.mark.parametrize(
    ("of_task", "over_all", "told"),
    [("hurt", "no clear difference", True), ("helped", "hurt", True), ("helped", "helped", False)],
)
def test_a_comparison_says_it_where_a_task_or_all_are_hurt(
    configuration, tmp_path, monkeypatch, of_task, over_all, told
):
    made = configuration(
        compare=SECTION | {"learning_rates": [0.004], "references": ["single_task"]},
        training={"epochs": 1, "batch_size": 16},
    )
    frame = pl.read_parquet(tmp_path / "t.parquet").with_row_index()
    few = pl.when(pl.col("index") % 3 == 1).then("big").alias("big")
    frame.with_columns(few).drop("index").write_parquet(tmp_path / "t.parquet")

    def judged(*arguments, **options):
        results = results_of(*arguments, **options)
        for verdict in results["verdicts"][results["chosen"]]:
            verdict["word"] = of_task if verdict["task"] == "big" else "no clear difference"
        results["verdicts_over_all"][results["chosen"]] = {"word": over_all}
        return results

    monkeypatch.setattr(_compare, "results_of", judged)
    results = compare(made, tmp_path / "out")
    said = [note for note in results["notes"] if note.startswith("A step of 16 rows has ")]
    assert len(said) == told
    assert all("labels of big, alone 16" in note and "price" not in note for note in said)
