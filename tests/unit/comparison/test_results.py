"""From scores on the test rows to figures: every one worked out again by hand."""

import json
import math

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain.comparison._checked_files import write_arrays
from cotrain.comparison._difference_jobs import compare_scores
from cotrain.comparison._entry import Entry
from cotrain.comparison._grid import GridData
from cotrain.comparison._results import _gain_of_metrics, results_of
from cotrain.learner import Configuration

N_SEEDS = 3


def learner():
    tasks = [ct.tasks.Regression("a"), ct.tasks.Regression("b")]
    return ct.Learner(tasks, training=ct.Training(epochs=1, batch_size=32))


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """The truths, the scores of each method, and the results of them."""
    folder = tmp_path_factory.mktemp("comparison")
    draw = np.random.default_rng(0)
    x = draw.normal(size=200)
    truths = {"a": x + 5, "b": np.where(np.arange(200) % 3 == 0, np.nan, 3 * x)}
    frame = pl.DataFrame({"x": x, **truths}).with_columns(pl.col("b").fill_nan(None))
    for part in ("train", "test"):
        frame.write_parquet(folder / f"{part}.parquet")
    scores, entries = {}, []
    for name, off in (("joint", 0.5), ("other", 0.8), ("single_task", 1.0), ("broken", 0.0)):
        scores[name] = {
            f"{seed}/{k}": (np.nan_to_num(truths[task]) + off * draw.normal(size=200))[:, None]
            for seed in range(N_SEEDS)
            for k, task in enumerate("ab")
        }
        write_arrays(folder / f"{name}.npz", scores[name])
        entry = Entry(name, name == "single_task", arrays=folder / f"{name}.npz")
        entry.scores = {seed: [1 - off + seed / 100] for seed in range(N_SEEDS)}
        entry.learning_rates = {"": [0.1, 0.1, 0.2]} if name == "other" else {"": [0.1] * N_SEEDS}
        entry.sweeps = {"": {"0.1": [0.5, 0.7], "0.2": [None, 0.9], "0.3": [math.inf]}}
        entries.append(entry)
    entries[3].failed = "no score"
    for entry in entries[:2]:
        entry.differences = folder / f"{entry.method}.json"
        compare_scores(
            str(folder), str(entry.differences), learner().config(), [], scores=str(entry.arrays),
            single=str(folder / "single_task.npz"), n_seeds=N_SEEDS, split={},
        )  # fmt: skip
    data = GridData(folder, "key", [], {}, {})
    configuration = Configuration(learner(), str(folder / "train.parquet"))
    options = {"seeds": range(N_SEEDS), "rates": [0.1, 0.2], "smallest_effect": 0.01}
    return truths, scores, results_of(configuration, entries, data, **options)


def rmse(truth, score):
    known = ~np.isnan(truth)
    return float(np.sqrt(np.mean((truth[known] - score[known, 0]) ** 2)))


def test_the_figures_are_those_of_the_labelled_test_rows_at_each_seed(judged):
    truths, scores, results = judged
    for k, task in enumerate("ab"):
        record = results["tasks"][k]
        assert (record["name"], record["metric"], record["direction"]) == (task, "rmse", "min")
        assert record["n_labelled"] == int(np.sum(~np.isnan(truths[task])))
        assert list(record["figures"]) == ["joint", "other", "single_task", "constant"]
        for method in ("joint", "other", "single_task"):
            expected = [rmse(truths[task], scores[method][f"{seed}/{k}"]) for seed in range(N_SEEDS)]
            found = record["figures"][method]
            np.testing.assert_allclose(found["values"], expected, rtol=1e-6)
            assert found["mean"] == pytest.approx(np.mean(expected), rel=1e-6)
            assert found["deviation"] == pytest.approx(np.std(expected, ddof=1), rel=1e-4)
        known = truths[task][~np.isnan(truths[task])]
        # One value and no spread: the mean of the training rows, which here are the test rows.
        assert record["figures"]["constant"]["values"] == pytest.approx([np.std(known)], rel=1e-5)
        assert record["figures"]["constant"]["deviation"] is None


def test_the_gain_is_the_relative_change_of_the_means_over_the_tasks(judged):
    _, _, results = judged
    means = {
        method: [task["figures"][method]["mean"] for task in results["tasks"]]
        for method in ("joint", "other", "single_task")
    }
    methods = {method["name"]: method for method in results["methods"]}
    for name in ("joint", "other"):
        gains = [1 - mine / alone for mine, alone in zip(means[name], means["single_task"], strict=True)]
        assert list(methods[name]["gain_per_task"].values()) == pytest.approx(gains)
        assert methods[name]["delta_m"] == pytest.approx(np.mean(gains))
    assert methods["single_task"]["delta_m"] is None
    # Of a the constant is better than single-task networks whose error is its spread, of b it is not.
    ranks = {name: np.zeros(2) for name in ("joint", "other", "single_task", "constant")}
    for k, task in enumerate(results["tasks"]):
        found = {name: task["figures"][name]["mean"] for name in ranks}
        for place, name in enumerate(sorted(found, key=found.__getitem__), 1):
            ranks[name][k] = place
    assert {name: methods[name]["mean_rank"] for name in ranks} == {n: np.mean(r) for n, r in ranks.items()}


def test_figures_over_all_tasks_are_of_those_that_the_word_on_delta_m_is_of(tmp_path):
    draw = np.random.default_rng(1)
    x = draw.normal(size=120)
    frame = pl.DataFrame({"x": x, "a": x + 5, "b": [*x[:6], *[None] * 114]})
    frame.with_columns(b=pl.Series(x)).write_parquet(tmp_path / "train.parquet")
    frame.write_parquet(tmp_path / "test.parquet")
    entries = []
    for name, offs in (("joint", (0.5, 0.9)), ("single_task", (0.6, 0.1))):
        truths = (x + 5, x)
        arrays = {
            f"{seed}/{k}": (truths[k] + offs[k] * draw.normal(size=120))[:, None]
            for seed in range(3)
            for k in (0, 1)
        }
        write_arrays(tmp_path / f"{name}.npz", arrays)
        entry = Entry(name, name == "single_task", arrays=tmp_path / f"{name}.npz")
        entry.scores = {seed: [0.5] for seed in range(3)}
        entries.append(entry)
    entries[0].differences = tmp_path / "joint.json"
    compare_scores(
        str(tmp_path), str(entries[0].differences), learner().config(), [], scores=str(entries[0].arrays),
        single=str(entries[1].arrays), n_seeds=3, split={},
    )  # fmt: skip
    found = results_of(
        Configuration(learner(), str(tmp_path / "train.parquet")), entries,
        GridData(tmp_path, "key", [], {}, {}), seeds=range(3), rates=[0.1], smallest_effect=0.01,
    )  # fmt: skip
    joint = found["methods"][0]
    # Six labels of b would say that learning together is many times worse.
    assert found["left_out"] == ["b"]
    assert joint["delta_m"] == pytest.approx(found["verdicts_over_all"]["joint"]["difference"])
    assert joint["delta_m"] > 0
    assert joint["worst_task"] == "a"
    assert joint["mean_rank"] == 1


def test_the_winner_is_chosen_on_validation_rows_and_a_failed_one_has_no_figures(judged):
    _, _, results = judged
    # By its scores "broken" would be the best.
    assert results["chosen"] == "joint"
    broken = next(method for method in results["methods"] if method["name"] == "broken")
    assert broken["failed"] == "no score"
    assert broken["validation"] is None
    assert broken["mean_rank"] is None
    assert set(results["verdicts"]) == {"joint", "other"}


def test_seeds_that_chose_alike_share_a_line_and_a_sweep_with_a_failed_fit_has_no_mean(judged):
    _, _, results = judged
    methods = {method["name"]: method for method in results["methods"]}
    assert methods["joint"]["learning_rates"] == {"": 0.1}
    assert methods["other"]["learning_rates"] == {"seed 0": 0.1, "seed 1": 0.1, "seed 2": 0.2}
    assert methods["joint"]["sweeps"][""] == {"0.1": pytest.approx(0.6), "0.2": None, "0.3": None}


def test_the_results_are_plain_values(judged):
    *_, results = judged
    assert json.loads(json.dumps(results, allow_nan=False)) == results


def test_metrics_of_one_name_may_be_better_either_way():
    def own(said, true):
        return float(np.abs(said - true).mean())

    tasks = [
        ct.tasks.Regression(name, metrics=[ct.tasks.CustomMetric(own, direction, best=best)])
        for name, direction, best in (("a", "max", 9.0), ("b", "min", 0.0))
    ]
    figures = {
        "joint": {"a": {"own": [2.0]}, "b": {"own": [2.0]}},
        "single_task": {"a": {"own": [1.0]}, "b": {"own": [1.0]}},
    }
    assert _gain_of_metrics("joint", figures, tasks).per_task == {"a": 1.0, "b": -1.0}
