import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain.comparison.runs import _importance
from cotrain.comparison.runs._importance import REPEATS, importance_of


@pytest.fixture(scope="module")
def fitted():
    draw = np.random.default_rng(0)
    a, b, noise = draw.normal(size=(3, 400))
    frame = pl.DataFrame(
        {"a": a, "b": b, "noise": noise, "price": 3 * a, "big": np.where(b > 0, "yes", "no")}
    ).with_columns(price=pl.when(pl.int_range(400) % 5 > 0).then(pl.col("price")))
    learner = ct.Learner(
        [ct.tasks.Regression("price"), ct.tasks.Binary("big")], training=ct.Training(epochs=15, batch_size=32)
    )
    return learner.fit(frame, validation=None, progress=False), frame


def test_the_column_that_a_task_is_made_of_is_the_one_it_rests_on(fitted):
    learner, frame = fitted
    found = importance_of(learner, frame)
    for task, column in (("price", "a"), ("big", "b")):
        drops = {one["column"]: one["drops"] for one in found[task]["columns"]}
        assert set(drops) == {"a", "b", "noise"}
        assert all(len(of) == REPEATS for of in drops.values())
        others = [drop for name, of in drops.items() if name != column for drop in of]
        assert min(drops[column]) > 3 * max(map(abs, others))


def test_it_is_the_figure_of_the_shuffled_rows_that_is_taken_away(fitted, monkeypatch):
    learner, frame = fitted
    # A shuffle that leaves all where it is takes nothing away, whichever direction is better.
    same = type("Same", (), {"permutation": lambda self, n: np.arange(n)})
    monkeypatch.setattr(_importance, "numpy_generator", lambda *parts: same())
    found = importance_of(learner, frame)
    for task in found.values():
        assert all(drop == 0 for one in task["columns"] for drop in one["drops"])
    figures = learner.evaluate(frame[:300]).to_dicts()
    for task, of in found.items():
        own = [row["value"] for row in figures if (row["task"], row["metric"]) == (task, of["metric"])]
        assert of["value"] == pytest.approx(own[0])


def test_a_task_without_labels_and_one_row_are_left_out(fitted, monkeypatch):
    learner, frame = fitted
    bare = frame.with_columns(price=pl.lit(None, pl.Float64))
    assert set(importance_of(learner, bare)) == {"big"}
    assert importance_of(learner, frame[:1]) == {}
    monkeypatch.setattr(_importance, "MOST_PARAMETERS", 10)
    assert importance_of(learner, frame) == {}


@pytest.mark.parametrize("options", [{}, {"tokens": "words"}])
def test_words_that_have_labels_are_not_shuffled_away_from_them(options):
    words = [["a", "b", "a"][: 1 + i % 3] for i in range(24)]
    tags = [["X" if word == "a" else "Y" for word in row] for row in words]
    frame = pl.DataFrame({"words": words, "x": [float(i % 5) for i in range(24)], "tags": tags})
    made = ct.Learner(
        [ct.tasks.Tagging("tags", **options)],
        columns={"words": "words"},
        encoder=ct.networks.WordEncoder(width=8, word_embedding=4, character_embedding=4),
        training=ct.Training(epochs=1, batch_size=8),
    ).fit(frame, validation=None, progress=False)
    assert [one["column"] for one in importance_of(made, frame)["tags"]["columns"]] == ["x"]
    alone = made.fit(frame.drop("x"), validation=None, progress=False)
    assert importance_of(alone, frame.drop("x")) == {}
