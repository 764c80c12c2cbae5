from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import sklearn.metrics as sk

import cotrain as ct
from cotrain._base import ConfigError, InvalidArgumentError
from cotrain.configuration import construct, describe
from cotrain.evaluation import TaskRecords, paired_bootstrap
from cotrain.tasks import (
    Binary,
    CustomMetric,
    Metric,
    Multiclass,
    Multilabel,
    Ordinal,
    Regression,
    Segmentation,
    Tagging,
    Task,
)

RNG = np.random.default_rng(0)
N = 60
FRAME = pl.DataFrame(
    {
        "x": RNG.normal(size=N),
        "y": [None if i % 7 == 0 else float(v) for i, v in enumerate(RNG.normal(size=N))],
        "z": RNG.normal(size=N),
        "s": RNG.random(N) < 0.5,
        "c": RNG.choice(list("abc"), N),
        "w": RNG.integers(0, 4, N),
    }
)
MODULE = """
import numpy as np


def asymmetric(prediction, target):
    error = target - prediction
    return np.mean(np.where(error > 0, 3 * error, -error))


asymmetric.direction = "min"


def hits(prediction, target):
    return prediction.argmax(axis=1) == target


def without_direction(prediction, target):
    return 0.0
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"own_metrics_{abs(hash(str(tmp_path)))}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    sys.modules.pop(name, None)


def mean_absolute(prediction: np.ndarray, target: np.ndarray, sample_weight: Any = None) -> float:
    return float(np.average(np.abs(prediction - target), weights=sample_weight))


def absolute(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    return np.abs(prediction - target)


def value_of(task: Task, metric: Any, seed: int = 0) -> tuple[float, float]:
    """Return a metric of one's own, and what the task's own function of that name gives."""
    task.fit(FRAME)
    targets, mask = task.encode(FRAME)
    output = task.reference_output(targets, mask).expand(N, -1) + 0.1 * pytest.importorskip("torch").randn(
        N, task.n_outputs
    )
    records = TaskRecords(task)
    for rows in (slice(0, 25), slice(25, N)):
        records.add(output[rows], targets[rows], mask[rows])
    first, second = (row.value for row in records.rows())
    return first, second


@pytest.mark.parametrize("per_row", [False, True])
@pytest.mark.parametrize("columns", [["y"], ["y", "z"]])
def test_a_function_of_numbers_is_the_metric_of_the_same_formula(per_row: bool, columns: list[str]) -> None:
    own = CustomMetric(absolute if per_row else mean_absolute, "min", per_row=per_row, name="own")
    ours, theirs = value_of(Regression("n", columns, metrics=[own, "mae"]), own)
    assert ours == pytest.approx(theirs, rel=1e-12)


def brier(prediction: np.ndarray, target: np.ndarray) -> float:
    return float(np.mean((prediction - target) ** 2))


def log_loss_of_rows(prediction: np.ndarray, target: np.ndarray) -> np.ndarray:
    return -np.log(prediction[np.arange(len(target)), target.astype(int)])


def test_labels_are_given_as_probabilities_and_classes_with_all_of_theirs() -> None:
    ours, theirs = value_of(Binary("s", metrics=[CustomMetric(brier, "min", name="own"), "brier"]), None)
    assert ours == pytest.approx(theirs)
    for per_row in (True, False):
        function = log_loss_of_rows if per_row else (lambda p, t: float(log_loss_of_rows(p, t).mean()))
        own = CustomMetric(function, "min", per_row=per_row, name="own")
        ours, theirs = value_of(Multiclass("c", metrics=[own, "log_loss"]), None)
        assert ours == pytest.approx(theirs)
        ours, theirs = value_of(Ordinal("c", levels=list("abc"), metrics=[own, "log_loss"]), None)
        assert ours == pytest.approx(theirs)


def test_of_quantiles_it_is_given_the_median() -> None:
    own = CustomMetric(mean_absolute, "min", name="own")
    ours, theirs = value_of(Regression("y", quantiles=[0.1, 0.9], metrics=[own, "mae"]), None)
    assert ours == pytest.approx(theirs)


@pytest.mark.parametrize("per_row", [False, True])
def test_weights_of_rows_reach_a_function_that_takes_them(per_row: bool) -> None:
    own = CustomMetric(absolute if per_row else mean_absolute, "min", per_row=per_row, name="own")
    ours, theirs = value_of(Regression("y", sample_weight="w", metrics=[own, "mae"]), None)
    assert ours == pytest.approx(theirs)
    blind = Regression("y", sample_weight="w", metrics=[CustomMetric(brier, "min", name="blind")])
    with pytest.raises(InvalidArgumentError, match="metric 'blind' cannot heed"):
        blind.fit(FRAME)


def test_a_bootstrap_and_parts_are_of_the_function() -> None:
    own = CustomMetric(absolute, "min", per_row=True)
    task = Regression("n", ["y", "z"], metrics=[own])
    task.fit(FRAME)
    (metric,) = task.chosen_metrics()
    truth = RNG.normal(size=(N, 2))
    found = paired_bootstrap(metric, [truth + 1], [truth + 2], truth, mask=np.ones((N, 2), bool))
    assert found.value == pytest.approx(1)
    records = TaskRecords(task)
    targets, mask = task.encode(FRAME)
    records.add(targets + 1, targets, mask)
    parts = {row.part: row.value for row in records.rows(parts=True)}
    assert parts["y"] == pytest.approx(FRAME["y"].std(ddof=0), rel=1e-4)
    assert parts["z"] == pytest.approx(FRAME["z"].std(ddof=0), rel=1e-4)


def test_it_selects_is_saved_and_read_back_with_trust(module: str, tmp_path: Path) -> None:
    spec = {"kind": "Regression", "name": "y", "metrics": [f"{module}:asymmetric", "rmse"]}
    task = construct(Task, spec, "tasks[0]")
    assert describe(task)["metrics"] == spec["metrics"]
    learner = ct.Learner(
        [task, construct(Task, {"kind": "Multiclass", "name": "c", "metrics": ["accuracy", {
            "function": f"{module}:hits", "direction": "max", "per_row": True}]}, "tasks[1]")],
        columns={"z": "drop", "w": "drop", "s": "drop"},
        training=ct.Training(epochs=2, batch_size=16),
    )  # fmt: skip
    run = tmp_path / "run"
    learner.fit(FRAME, validation=0.3, progress=False, run=run)
    table = learner.evaluate(FRAME)
    assert [row.metric for row in table if row.part is None] == ["asymmetric", "rmse", "accuracy", "hits"]
    assert table.value("c", "hits") == pytest.approx(table.value("c", "accuracy"))
    assert table.row("y").direction == "min"
    assert set(learner.fitted_result.history[0]["validation"]) == {"y", "c"}
    with pytest.raises(ConfigError, match=r"metrics names .*asymmetric.*--trust"):
        ct.Learner.load(run)
    assert str(ct.Learner.load(run, trust=True).evaluate(FRAME)) == str(table)
    only = [
        {"kind": "Multiclass", "name": "c", "metrics": [{"function": f"{module}:hits", "direction": "max"}]}
    ]
    with pytest.raises(ConfigError, match="--trust"):
        construct(Task, only[0], "tasks[0]", trust=False)


def test_a_function_given_in_python_is_written_by_its_module_or_refused() -> None:
    task = Regression("y", metrics=[CustomMetric(mean_absolute, "min"), "rmse"])
    told = describe(task)["metrics"]
    assert told[0]["function"].endswith(":mean_absolute")
    with pytest.raises(ConfigError, match="is given in Python, and a configuration cannot name it"):
        describe(Regression("y", metrics=[CustomMetric(lambda p, t: 0.0, "min", name="own")]))


BAD: dict[str, tuple[Any, str]] = {
    "no such name": ("rmes", r"has no metric 'rmes': did you mean 'rmse'\?"),
    "no direction": (mean_absolute, "does not say whether more is better"),
    "no module": ("no.such.module:f", "cannot be imported: No module named 'no'"),
    "no function": ("math:nothing", "cannot be imported: .*nothing"),
    "a number": (3, "does not say whether more is better"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_metric_is_refused_at_construction(name: str) -> None:
    metric, sentence = BAD[name]
    with pytest.raises(InvalidArgumentError, match=sentence) as error:
        Regression("y", metrics=[metric])
    assert "\n" not in str(error.value)


def test_names_that_are_taken_and_wrong_arguments_are_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="has a metric 'mae' already"):
        Regression("y", metrics=[CustomMetric(mean_absolute, "min", name="mae")])
    own = CustomMetric(mean_absolute, "min")
    with pytest.raises(InvalidArgumentError, match="two metrics are called the same"):
        Regression("y", metrics=[own, own])
    with pytest.raises(InvalidArgumentError, match="expected one of 'max', 'min'"):
        CustomMetric(mean_absolute, "up")  # ty: ignore[invalid-argument-type]
    with pytest.raises(InvalidArgumentError, match=r"expected a function of \(prediction, target\)"):
        CustomMetric(lambda prediction: 0.0, "min")


@pytest.mark.parametrize("make", [Tagging, lambda name, **o: Segmentation(name, classes=["a", "b"], **o)])
def test_tasks_of_many_answers_take_a_metric_of_records_alone(make: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="many answers a row"):
        make("y", metrics=[CustomMetric(mean_absolute, "min")])
    own = Metric("own", "min", lambda scores, targets, mask: np.zeros((len(mask), 1)), lambda records: 0.5)
    assert [metric.name for metric in make("y", metrics=[own]).chosen_metrics()] == ["own"]


def failing(prediction: np.ndarray, target: np.ndarray) -> float:
    raise ZeroDivisionError("nothing there")


@pytest.mark.parametrize(
    ("own", "sentence"),
    [
        (CustomMetric(failing, "min"), r"metric 'failing' failed \(ZeroDivisionError: nothing there\)"),
        (CustomMetric(absolute, "min"), "returned ndarray of shape .*set per_row"),
        (CustomMetric(mean_absolute, "min", per_row=True), r"returned the shape \(\) for \d+ rows"),
        (
            CustomMetric(lambda p, t: 5.0, "max", name="profit"),
            r"is 5, which is better than .*\(1\): set best=",
        ),
        (CustomMetric(lambda p, t: "much", "max", name="text"), "returned str"),
    ],
)
def test_what_a_function_does_wrong_is_said_in_one_sentence(own: CustomMetric, sentence: str) -> None:
    with pytest.raises(InvalidArgumentError, match=f"^Task 'y': [^\n]*{sentence}[^\n]*$"):
        value_of(Regression("y", metrics=[own, "mae"]), None)


def test_a_profit_has_the_best_that_it_says() -> None:
    own = CustomMetric(lambda p, t: float((t > 0).sum()), "max", best=100.0, name="profit")
    task = Regression("y", metrics=[own])
    assert task.chosen_metrics()[0].best == 100.0


def test_several_labels_have_the_mean_over_them() -> None:
    frame = FRAME.with_columns(t=pl.col("x") > 0)
    task = Multilabel("m", ["s", "t"], metrics=[CustomMetric(brier, "min", name="own"), "brier"])
    task.fit(frame)
    targets, mask = task.encode(frame)
    records = TaskRecords(task)
    records.add(targets * 2 - 0.5, targets, mask)
    first, second = (row.value for row in records.rows())
    assert first == pytest.approx(second)


@pytest.mark.parametrize("weights", [None, np.array([1.0, 2.0, 1.0, 0.5])])
def test_functions_of_scikit_learn_are_given_the_targets_first(weights: np.ndarray | None) -> None:
    said, true = np.array([1.0, 3.0, 2.0, 5.0]), np.array([1.0, 2.0, 2.5, 3.0])
    mask = np.ones((4, 1), bool) if weights is None else weights[:, None]
    for function in (sk.r2_score, sk.mean_absolute_percentage_error):
        own = CustomMetric(function, "max" if function is sk.r2_score else "min")
        (metric,) = Regression("y", metrics=[own]).chosen_metrics()
        expected = function(true, said, sample_weight=weights)
        assert metric.compute(said[:, None], true[:, None], mask) == pytest.approx(expected)
        assert expected != pytest.approx(function(said, true, sample_weight=weights))
