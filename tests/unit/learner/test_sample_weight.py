"""Weights of rows through data sets, sources, co-training, trees, and a comparison's parts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain._base import DataError, InvalidArgumentError
from cotrain.comparison._trees_table import trees_table
from cotrain.cotraining import CoTraining
from cotrain.evaluation import TreeRows, fit_trees
from cotrain.tasks import Binary, Metric, Multiclass, Regression

RNG = np.random.default_rng(0)
X = RNG.normal(size=120)
FRAME = pl.DataFrame(
    {
        "x": X,
        "price": [None if i % 5 == 0 else 2 * x + 1 for i, x in enumerate(X)],
        "sold": [None if i % 3 == 0 else bool(x > 0) for i, x in enumerate(X)],
        "w": RNG.integers(0, 4, 120),
    }
)
TRAINING = ct.Training(epochs=2, batch_size=16)


def tasks() -> list[ct.tasks.Task]:
    return [Regression("price"), Binary("sold")]


def learner(**options: object) -> ct.Learner:
    return ct.Learner(tasks(), sample_weight="w", training=TRAINING, **options)  # ty: ignore[invalid-argument-type]


def without_weight_zero(frame: pl.DataFrame) -> pl.DataFrame:
    """Empty the labels of rows that do not count."""
    emptied = [pl.when(pl.col("w") > 0).then(pl.col(name)).alias(name) for name in ("price", "sold")]
    return frame.with_columns(emptied)


def test_rows_of_weight_zero_teach_and_tell_nothing() -> None:
    once = FRAME.with_columns(w=(pl.col("w") > 0).cast(pl.Int64))
    plain = without_weight_zero(FRAME).drop("w")
    weighted = learner().fit(once, validation=None, progress=False)
    other = ct.Learner(tasks(), training=TRAINING).fit(plain, validation=None, progress=False)
    ours, theirs = weighted.evaluate(once), other.evaluate(plain)
    for one, two in zip(ours, theirs, strict=True):
        assert one.n_labelled == two.n_labelled
        assert one.value == pytest.approx(two.value, rel=1e-3), one


def test_a_task_without_weights_beside_one_with_them() -> None:
    mixed = ct.Learner([Regression("price", sample_weight="w"), Binary("sold")], training=TRAINING)
    mixed.fit(FRAME, validation=0.2, progress=False)
    rows = mixed.evaluate(FRAME)
    assert rows.row("sold").n_labelled == 80
    counted = FRAME.filter(pl.col("price").is_not_null() & (pl.col("w") > 0))
    assert rows.row("price").n_labelled == counted.height
    assert mixed.config()["tasks"][0]["sample_weight"] == "w"
    assert "sample_weight" not in mixed.config()["tasks"][1]


def test_the_configuration_names_the_column_once() -> None:
    config = learner().config()
    assert config["sample_weight"] == "w"
    assert all("sample_weight" not in task for task in config["tasks"])


class Rows(torch.utils.data.Dataset):
    def __init__(self, frame: pl.DataFrame) -> None:
        self.frame = frame

    def __len__(self) -> int:
        return self.frame.height

    def __getitem__(self, row: int) -> dict[str, object]:
        found = self.frame.row(row, named=True)
        return {**found, "inputs": torch.tensor([found.pop("x")], dtype=torch.float32)}


def test_a_data_set_of_dicts_holds_the_weight_beside_the_targets() -> None:
    fitted = ct.Learner(
        tasks(), sample_weight="w", encoder=ct.networks.MLP(hidden=(8,)), training=TRAINING
    ).fit(Rows(FRAME), validation=None, progress=False)
    assert list(fitted.preprocessor.spec.tensors) == ["inputs"]
    weights = fitted.preprocessor.examples(Rows(FRAME)).masks["price"][:, 0]
    known = FRAME["price"].is_not_null().to_numpy()
    assert np.allclose(weights / weights.max(), np.where(known, FRAME["w"].to_numpy() / 3, 0))


def test_sources_have_weights_of_their_own_and_none_may_be_without() -> None:
    prices, sales = FRAME.drop("sold"), FRAME.drop("price").with_columns(w=pl.lit(1))
    fitted = learner().fit({"a": prices, "b": sales}, validation=0.2, progress=False)
    found = fitted.evaluate({"a": prices, "b": sales})
    assert found.by_source["b"].row("sold").n_labelled == 80
    with pytest.raises(
        DataError, match="^Task 'sold': sample_weight 'w' is 0 or empty in all 80 rows with a label: "
    ):
        learner().fit({"a": prices, "b": sales.drop("w")}, validation=None, progress=False)


def test_a_fit_goes_on_after_a_kill_as_if_there_had_been_none(tmp_path: Path) -> None:
    whole = learner().fit(FRAME, validation=0.2, progress=False, run=tmp_path / "whole")

    class Killed(ct.training.Logger):
        def epoch(self, record: object) -> None:
            raise KeyboardInterrupt

    half = ct.Learner(
        tasks(), sample_weight="w", training=ct.Training(epochs=2, batch_size=16, checkpoint_seconds=1e-9)
    )
    with pytest.raises(KeyboardInterrupt):
        half.fit(FRAME, validation=0.2, progress=False, run=tmp_path / "half", loggers=[Killed()])
    half.fit(FRAME, validation=0.2, progress=False, run=tmp_path / "half", resume=True)
    assert half.predict(FRAME).equals(whole.predict(FRAME))
    other = FRAME.with_columns(w=pl.lit(1))
    with pytest.raises(ct.errors.RunError, match="other"):
        half.fit(other, validation=0.2, progress=False, run=tmp_path / "half", resume=True)


def test_co_training_takes_weighted_labels() -> None:
    settings = CoTraining(max_rounds=1, min_labels=0)
    fitted = learner(cotraining=settings).fit(FRAME, validation=0.2, progress=False)
    assert fitted.predict(FRAME).height == FRAME.height


@pytest.mark.parametrize(
    "task", [Regression("y"), Binary("y"), Multiclass("y")], ids=lambda t: type(t).__name__
)
def test_trees_of_weighted_rows_lean_to_the_heavy_ones(task: ct.tasks.Task) -> None:
    # Two kinds of label at every place: which one is said is for the weights to decide.
    x = np.tile(np.repeat([0.0, 1.0], 40), 2)[:, None]
    y = [0, 1] if not isinstance(task, Multiclass) else ["a", "b"]
    frame = pl.DataFrame({"y": [y[0]] * 80 + [y[1]] * 80, "w": [9] * 40 + [1] * 40 + [1] * 40 + [9] * 40})
    weighted = task.usually_weighted_by("w")
    weighted.fit(frame)
    trees = fit_trees(weighted, TreeRows(x, *weighted.encode(frame)))
    scores = trees.scores(weighted, TreeRows(np.array([[0.0], [1.0]])))
    assert scores[0, -1] == pytest.approx(0.1, abs=0.02)
    assert scores[1, -1] == pytest.approx(0.9, abs=0.02)


def test_words_beside_trees_are_weighted_as_well() -> None:
    texts = ["good film", "bad film"] * 60
    frame = pl.DataFrame(
        {"t": texts, "y": ["no"] * 60 + ["yes"] * 60, "w": [9, 1] * 30 + [1, 9] * 30}
    )  # whichever text is heavy where decides
    fitted = ct.Learner(
        [Binary("y")], sample_weight="w", columns={"t": "text"}, training=ct.Training(epochs=1)
    ).fit(frame, validation=None, progress=False)
    table = fitted.preprocessor.table(frame)
    found = trees_table(fitted, table, None, table)
    assert found.value("y", "accuracy") == pytest.approx(0.9, abs=0.01)
    assert found.row("y", "accuracy").n_labelled == 120


def test_the_reference_beside_the_figures_is_the_best_constant_of_weighted_rows() -> None:
    fitted = learner().fit(FRAME, validation=None, progress=False)
    row = fitted.evaluate(FRAME).row("price", "rmse")
    known = FRAME.filter(pl.col("price").is_not_null())
    y, w = known["price"].to_numpy(), known["w"].to_numpy()
    mean = np.average(y, weights=w)
    assert row.references["constant"] == pytest.approx(
        np.sqrt(np.average((y - mean) ** 2, weights=w)), rel=1e-4
    )


def test_a_metric_that_knows_no_weights_is_refused_before_anything_is_fitted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    own = Metric("own", "min", lambda scores, targets, mask: scores - targets, lambda records: 0.0)
    monkeypatch.setattr(Regression, "available_metrics", classmethod(lambda cls: [own]))
    task = Regression("price", metrics=["own"])
    task.fit(FRAME)
    with pytest.raises(InvalidArgumentError, match="^Task 'price': metric 'own' cannot heed .*'w'[^\n]*$"):
        task.usually_weighted_by("w").fit(FRAME)
