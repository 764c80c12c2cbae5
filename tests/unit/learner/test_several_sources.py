"""Several tables, each with labels of its own tasks, through the Learner."""

import numpy as np
import polars as pl
import pytest
import torch
from polars.testing import assert_frame_equal

import cotrain as ct
from cotrain._base import DataError
from cotrain.data.sources import Equal


def frame(n: int, *columns: str, seed: int = 0) -> pl.DataFrame:
    x = np.random.default_rng(seed).normal(size=(n, 3))
    known = {
        "x": x[:, 0],
        "y": x[:, 1],
        "extra": x[:, 2],
        "a": np.where(x[:, 0] > 0, "yes", "no"),
        "b": 2 * x[:, 1] + x[:, 0],
        "c": (x[:, 0] + x[:, 1] > 0).astype(int),
    }
    return pl.DataFrame({name: known[name] for name in ("x", "y", *columns)})


SOURCES = {"one": frame(150, "a"), "two": frame(60, "b", "extra", seed=1), "three": frame(30, "c", seed=2)}
BY_HAND = pl.concat(
    [table.with_columns(source=pl.lit(name)) for name, table in SOURCES.items()], how="diagonal"
)


def learner(*, cotraining: ct.CoTraining | None = None, **options) -> ct.Learner:
    tasks = [ct.tasks.Binary("a"), ct.tasks.Regression("b"), ct.tasks.Binary("c")]
    options |= {"training": ct.Training(epochs=2, batch_size=16), "balancer": ct.balancing.UPGrad()}
    return ct.Learner(tasks, cotraining=cotraining, **options)


@pytest.fixture(scope="module")
def fitted() -> ct.Learner:
    return learner().fit(SOURCES, progress=False)


def same(first: ct.Learner, second: ct.Learner) -> bool:
    one, other = first.fitted_result, second.fitted_result
    pairs = zip(one.weights, other.weights, strict=True)
    equal = all(torch.equal(mine[name], theirs[name]) for mine, theirs in pairs for name in theirs)
    return equal and one.history == other.history


def test_three_tables_are_to_the_bit_what_the_hand_made_concatenation_is(fitted: ct.Learner) -> None:
    assert same(fitted, learner(source="source").fit(BY_HAND, progress=False))
    assert not same(fitted, learner().fit(BY_HAND.drop("source"), progress=False))


def test_the_rule_of_mixing_counts(fitted: ct.Learner) -> None:
    equal = learner(mixing=Equal()).fit(SOURCES, progress=False)
    assert not same(fitted, equal)
    assert same(equal, learner(mixing=Equal(), source="source").fit(BY_HAND, progress=False))


def test_validation_may_be_sources_too(fitted: ct.Learner) -> None:
    held = {"three": frame(20, "c", seed=5), "one": frame(20, "a", seed=6)}
    by_hand = pl.concat([t.with_columns(source=pl.lit(n)) for n, t in held.items()], how="diagonal")
    first = learner().fit(SOURCES, held, progress=False)
    assert same(first, learner(source="source").fit(BY_HAND, by_hand, progress=False))
    with pytest.raises(DataError, match="Source 'two' lacks the input column 'extra'"):
        learner().fit(SOURCES, {"two": frame(20, "b")}, progress=False)


def test_figures_come_together_and_by_source(fitted: ct.Learner) -> None:
    table = fitted.evaluate(SOURCES)
    assert {name: own.tasks for name, own in table.by_source.items()} == {
        "one": ["a"],
        "two": ["b"],
        "three": ["c"],
    }
    for name, task in (("one", "a"), ("two", "b"), ("three", "c")):
        alone = fitted.evaluate({name: SOURCES[name]})
        assert table.by_source[name].value(task) == pytest.approx(table.value(task), abs=1e-6)
        assert alone.value(task) == pytest.approx(table.value(task), abs=1e-6)
        assert fitted.evaluate(SOURCES[name]).value(task) == pytest.approx(table.value(task), abs=1e-6)
    with pytest.raises(DataError, match="No row has a label"):
        fitted.evaluate({"one": SOURCES["one"].drop("a")})


def test_predictions_come_by_source_and_in_the_kind_of_each_frame(fitted: ct.Learner) -> None:
    found = fitted.predict({"three": SOURCES["three"].drop("c"), "one": SOURCES["one"].to_pandas()})
    assert list(found) == ["three", "one"]
    assert isinstance(found["three"], pl.DataFrame)
    assert hasattr(found["one"], "iloc")
    # The last digit may depend on how many rows go through a kernel together.
    assert_frame_equal(found["three"], fitted.predict(SOURCES["three"]), abs_tol=1e-5)
    assert found["one"]["a"].tolist() == fitted.predict(SOURCES["one"])["a"].to_list()


def test_a_loaded_model_knows_its_sources(fitted: ct.Learner, tmp_path) -> None:
    fitted.save(tmp_path / "run")
    loaded = ct.Learner.load(tmp_path / "run")
    assert loaded.evaluate(SOURCES).by_source.keys() == SOURCES.keys()
    assert loaded.predict(SOURCES["one"]).equals(fitted.predict(SOURCES["one"]))
    assert loaded.predict({"two": SOURCES["two"]})["two"].equals(fitted.predict(SOURCES["two"]))


def test_the_history_tells_the_sources_of_a_task_apart() -> None:
    tables = {name: table.with_columns(pl.lit(1.0).alias("both")) for name, table in SOURCES.items()}
    made = ct.Learner([ct.tasks.Regression("both")], training=ct.Training(2, 16)).fit(tables, progress=False)
    records = made.fitted_result.history
    assert [set(record["validation_by_source"]) for record in records] == [set(SOURCES)] * 2


def test_mixing_stands_in_the_configuration() -> None:
    made = learner(mixing=Equal(), source="origin")
    assert made.config()["mixing"] == {"kind": "Equal"}
    assert made.config()["source"] == "origin"


def test_a_killed_run_of_several_sources_ends_bit_identical(tmp_path, monkeypatch) -> None:
    whole = learner().fit(SOURCES, run=tmp_path / "whole", progress=False)
    steps, step = iter(range(14)), ct.training.Fit._take_step

    def stopping(self, batch, active) -> None:
        if next(steps, None) is None:
            raise KeyboardInterrupt
        step(self, batch, active)

    with monkeypatch.context() as patch:
        patch.setattr("cotrain.training.Fit._take_step", stopping)
        patch.setattr("cotrain.training._checkpoint.Checkpoints.due", lambda self, epoch_ended: True)
        with pytest.raises(KeyboardInterrupt):
            learner().fit(SOURCES, run=tmp_path / "part", progress=False)
    assert same(whole, learner().fit(SOURCES, run=tmp_path / "part", resume=True, progress=False))


def test_co_training_goes_over_several_sources() -> None:
    settings = ct.CoTraining(ct.cotraining.SelfTraining(), max_rounds=1, updates=4)
    made = learner(cotraining=settings).fit(
        SOURCES, unlabelled=SOURCES["one"].select("x", "y")[:20], progress=False
    )
    assert made.predict(SOURCES["two"]).height == 60


def test_pandas_types_of_classes_come_back() -> None:
    sources = {name: table.to_pandas() for name, table in SOURCES.items()}
    sources["one"]["a"] = sources["one"]["a"].astype("category")
    found = learner().fit(sources, progress=False).predict(sources["three"])
    assert str(found["a"].dtype) == "category"


def test_words_may_be_lists_in_one_source_and_text_in_another() -> None:
    lists = pl.DataFrame({"tokens": [["good", "film", "."], ["bad"]] * 20, "a": ["yes", "no"] * 20})
    text = pl.DataFrame({"tokens": ["a film", "very bad, really."] * 20, "b": [1.0, -1.0] * 20})
    tasks = [ct.tasks.Binary("a"), ct.tasks.Regression("b")]
    encoder = ct.networks.WordEncoder()
    made = ct.Learner(tasks, training=ct.Training(epochs=1), columns={"tokens": "words"}, encoder=encoder)
    made.fit({"lists": lists, "text": text}, progress=False)
    assert made.predict(lists).height == made.predict(text).height == 40
    assert list(made.predict({"text": text})) == ["text"]
    as_list = made.predict({"tokens": ["good", "film", "."]})
    assert made.predict({"tokens": "good film."}) == pytest.approx(as_list)
