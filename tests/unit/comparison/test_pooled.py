from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from cotrain._base import DataError, RunError
from cotrain.comparison._pooled import PooledNetwork
from cotrain.learner import Learner
from cotrain.networks import TableEncoder
from cotrain.tasks import Multiclass, Regression
from cotrain.training import Training


def frame(n_rows: int, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n_rows)
    a = np.where(rng.random(n_rows) < 0.7, x, np.nan)
    b = np.where(rng.random(n_rows) < 0.3, 1000 * x + 5000, np.nan)
    return pl.DataFrame({"x": x, "a": a, "b": b}).fill_nan(None)


def learner(*tasks) -> Learner:
    training = Training(epochs=20, batch_size=32, learning_rate=0.02)
    return Learner(list(tasks), encoder=TableEncoder(width=16), training=training)


def test_one_head_learns_tasks_in_different_units_and_is_read_again(tmp_path: Path) -> None:
    train, held = frame(400, 0), frame(200, 1)
    network = PooledNetwork.fit(learner(Regression("a"), Regression("b")), train, held, left_out=[])
    scores = network.scores(network.preprocessor.inputs(held))
    assert np.corrcoef(scores["a"][:, 0], held["x"].to_numpy())[0, 1] > 0.95
    assert np.corrcoef(scores["a"][:, 0], scores["b"][:, 0])[0, 1] > 0.999
    assert 3000 < scores["b"].mean() < 7000
    network.save(tmp_path)
    assert PooledNetwork.is_in(tmp_path)
    again = PooledNetwork.load(tmp_path)
    for task, values in again.scores(again.preprocessor.inputs(held)).items():
        np.testing.assert_array_equal(values, scores[task])


def test_different_classes_are_refused() -> None:
    table = pl.DataFrame({"x": [0.1, 0.2, 0.3, 0.4], "a": ["u", "v", "u", "v"], "b": ["u", "w", "u", "w"]})
    with pytest.raises(DataError, match="one head needs the same"):
        PooledNetwork.fit(learner(Multiclass("a"), Multiclass("b")), table, table, left_out=[])


def test_a_model_that_was_changed_mixed_or_cut_off_is_refused(tmp_path: Path) -> None:
    for number, name in enumerate(("one", "other")):
        network = PooledNetwork.fit(
            learner(Regression("a"), Regression("b")), frame(200, number), frame(50, 9), left_out=[]
        )
        network.save(tmp_path / name)
    for file in ("pooled.json", "pooled.safetensors"):
        mixed = tmp_path / f"mixed {file}"
        shutil.copytree(tmp_path / "one", mixed)
        shutil.copy(tmp_path / "other" / file, mixed / file)
        with pytest.raises(RunError, match="is damaged or of another run"):
            PooledNetwork.load(mixed)
        (mixed / file).unlink()
        with pytest.raises(RunError, match="is missing"):
            PooledNetwork.load(mixed)
    (tmp_path / "one" / "manifest.json").unlink()
    with pytest.raises(RunError, match=r"has no manifest\.json"):
        PooledNetwork.load(tmp_path / "one")
