"""A fitted model answers the same whoever asks, and whatever becomes of the learner."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain.cotraining import Committee, CoTraining

#: Learners whose tasks have weights of their own, one set of weights, and weights that co-training chose.
LEARNERS: dict[str, dict[str, Any]] = {
    "per task": {"training": {"select": "per_task", "average": 0.0, "learning_rate": 0.05}},
    "one set": {"training": {"select": "combined"}},
    "co-trained": {"cotraining": CoTraining(Committee(2), max_rounds=2, updates=20)},
}


def table(n: int = 300) -> pl.DataFrame:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(n, 2))
    return pl.DataFrame(
        {
            "x": x[:, 0],
            "city": generator.choice(["Rome", "Oslo", "Lima"], n),
            "words": generator.choice(["a red house", "the blue house", "a tree"], n),
            "y": [None if i % 3 == 0 else ("p" if v > 0 else "q") for i, v in enumerate(x[:, 0])],
            "z": 2 * x[:, 1],
            "c": generator.choice(["u", "v", "w"], n),
        }
    )


@pytest.fixture(scope="module", params=LEARNERS)
def fitted(request) -> ct.Learner:
    options = copy.deepcopy(LEARNERS[request.param])
    settings = {"epochs": 4, "batch_size": 32, "learning_rate": 0.02} | options.pop("training", {})
    learner = ct.Learner(
        [ct.tasks.Binary("y"), ct.tasks.Regression("z"), ct.tasks.Multiclass("c")],
        encoder=ct.networks.TableEncoder(width=4, depth=1),
        training=ct.Training(**settings),
        **options,
    )
    return learner.fit(table(), 0.3, progress=False)


def test_32_threads_get_what_one_alone_gets(fitted):
    model, rows = fitted.fitted, table(60)
    # Rows alone, and now and then a table: 10,000 calls for the three learners together.
    parts: list[Any] = [*rows.to_dicts(), *(rows[i : i + 1 + i % 3] for i in range(0, 8, 2))]
    expected = [model.predict(part) for part in parts]
    asked = [i % 60 if i % 20 else 60 + i % 4 for i in range(3334)]
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda number: model.predict(parts[number]), asked))
    assert all(_equal(answer, expected[number]) for answer, number in zip(answers, asked, strict=True))


def _equal(one: Any, other: Any) -> bool:
    return one == other if isinstance(one, dict) else one.equals(other)


def test_a_row_alone_is_answered_as_in_a_table_of_it(fitted, tmp_path):
    fitted.save(tmp_path / "run")
    for model in (fitted.fitted, ct.Learner.load(tmp_path / "run").fitted):
        for row in table(40).to_dicts():
            assert model.predict(row) == model.predict(pl.DataFrame([row])).row(0, named=True)


def test_it_stays_when_the_learner_is_fitted_again():
    learner = ct.Learner([ct.tasks.Regression("z")], training=ct.Training(epochs=1, batch_size=32))
    model = learner.fit(table(), 0.2, progress=False).fitted
    before = model.predict(table())
    learner.fit(table(60).with_columns(pl.col("z") * -3), 0.2, progress=False)
    assert model.predict(table()).equals(before)
    assert not learner.predict(table()).equals(before)


def test_nothing_of_it_can_be_set_and_a_copy_is_the_same(fitted):
    with pytest.raises(FrozenInstanceError):
        fitted.fitted.networks = None
    assert copy.deepcopy(fitted).fitted is fitted.fitted


def test_the_modes_of_its_networks_are_never_touched(fitted, monkeypatch):
    def touched(*_: Any) -> None:
        raise AssertionError("a mode was set")

    monkeypatch.setattr(torch.nn.Module, "train", touched)
    monkeypatch.setattr(torch.nn.Module, "load_state_dict", touched)
    fitted.predict(table())


def test_what_is_saved_answers_alike(fitted, tmp_path):
    fitted.save(tmp_path / "run")
    assert ct.Learner.load(tmp_path / "run").fitted.predict(table()).equals(fitted.predict(table()))
