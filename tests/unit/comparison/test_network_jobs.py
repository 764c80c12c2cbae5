"""Jobs of a comparison that run in processes of their own."""

from __future__ import annotations

import json
import sys

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain._base import ConfigError
from cotrain.comparison._checked_files import read_arrays
from cotrain.comparison._network_jobs import compare_scores, read_truths, score_networks
from cotrain.comparison._pooled import PooledNetwork
from cotrain.evaluation import Difference

OWN = """
from torch import nn
from cotrain.networks import Encoder

class Pick(nn.Module):
    def forward(self, inputs):
        return inputs["numbers"]

class Tower(Encoder):
    def build(self, spec):
        self.stages = nn.ModuleList([nn.Sequential(Pick(), nn.Linear(spec.n_numbers, 4))])
        self.widths, self.width = (4,), 4
        return self
"""


def table(n: int = 80) -> pl.DataFrame:
    x = np.random.default_rng(0).normal(size=n)
    return pl.DataFrame({"x": x, "a": 2 * x, "b": -x})


def learner(encoder: object = None) -> ct.Learner:
    tasks = [ct.tasks.Regression("a"), ct.tasks.Regression("b")]
    return ct.Learner(tasks, encoder=encoder, training=ct.Training(epochs=1, batch_size=32))


@pytest.fixture
def own_class(tmp_path, monkeypatch):
    (tmp_path / "own_towers.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    import own_towers

    yield own_towers.Tower
    sys.modules.pop("own_towers", None)


def scored(tmp_path, **arguments):
    table().write_parquet(tmp_path / "test.parquet")
    models = [{"a": str(tmp_path / "model"), "b": str(tmp_path / "model")}]
    score_networks(str(tmp_path), str(tmp_path / "scores.npz"), models, ["a", "b"], **arguments)
    return read_arrays(tmp_path / "scores.npz")


def test_scores_of_a_kept_model_are_those_of_the_learner(tmp_path):
    fitted = learner().fit(table(), None, progress=False)
    fitted.save(tmp_path / "model")
    found, outputs = scored(tmp_path), fitted.outputs(table())
    assert sorted(found) == ["0/0", "0/1"]
    wanted = fitted.preprocessor.tasks[1].scores(outputs["b"]).double().numpy()
    np.testing.assert_array_equal(found["0/1"], wanted)


def test_a_kept_model_may_name_the_classes_that_the_configuration_names_and_no_others(tmp_path, own_class):
    learner(own_class()).fit(table(), None, progress=False).save(tmp_path / "model")
    sys.modules.pop("own_towers")
    with pytest.raises(ConfigError, match="own_towers:Tower"):
        scored(tmp_path)
    with pytest.raises(ConfigError, match="own_towers:Tower"):
        scored(tmp_path, trusted=["other:Tower"])
    assert "own_towers" not in sys.modules
    assert sorted(scored(tmp_path, trusted=["own_towers:Tower"])) == ["0/0", "0/1"]


def test_the_same_holds_for_a_pooled_network(tmp_path, own_class):
    (tmp_path / "model").mkdir()
    network = PooledNetwork.fit(learner(own_class()), table(), table(20), left_out=[], loggers=[])
    network.save(tmp_path / "model")
    sys.modules.pop("own_towers")
    with pytest.raises(ConfigError, match="own_towers:Tower"):
        scored(tmp_path)
    assert "own_towers" not in sys.modules
    assert sorted(scored(tmp_path, trusted=["own_towers:Tower"])) == ["0/0", "0/1"]


def test_truths_are_in_the_unit_of_the_metrics_and_know_what_is_missing(tmp_path):
    table().with_columns(pl.when(pl.col("x") > 0).then(pl.col("a")).alias("a")).write_parquet(
        tmp_path / "test.parquet"
    )
    preprocessor = learner().fit(table(), None, progress=False).preprocessor
    targets, mask = read_truths(preprocessor, tmp_path)["a"]
    assert mask[:, 0].tolist() == (table()["x"] > 0).to_list()
    np.testing.assert_allclose(targets[mask], table()["a"].to_numpy()[mask[:, 0]], rtol=1e-5)


def test_a_difference_is_over_the_groups_or_times_that_the_split_names(tmp_path):
    rng = np.random.default_rng(0)
    who, x = np.repeat(np.arange(20), 15), rng.normal(size=300)
    frame = pl.DataFrame({"x": x, "a": x, "b": x, "who": [f"p{i}" for i in who], "day": np.arange(300)})
    for part in ("train", "test"):
        frame.write_parquet(tmp_path / f"{part}.parquet")
    off = (rng.normal(size=20)[who] + 0.1 * rng.normal(size=300))[:, None]
    for name, factor in (("joint", 0.5), ("alone", 1.0)):
        of_seed = {f"{seed}/{k}": x[:, None] + factor * off for seed in range(3) for k in range(2)}
        np.savez(tmp_path / f"{name}.npz", **of_seed)
    paths = {name: str(tmp_path / f"{name}.npz") for name in ("joint", "alone")}

    def difference(**split):
        compare_scores(
            str(tmp_path), str(tmp_path / "found.json"), learner().config(), ["who", "day"],
            scores=paths["joint"], single=paths["alone"], n_seeds=3, split=split,
        )  # fmt: skip
        found = json.loads((tmp_path / "found.json").read_text())["a"]
        return Difference.from_json(found["difference"])

    of_rows, of_groups, of_times = difference(), difference(group="who"), difference(time="day")
    assert [one.unit for one in (of_rows, of_groups, of_times)] == ["rows", "groups", "blocks of time"]
    assert [one.chance.n_units for one in (of_rows, of_groups, of_times)] == [300, 20, 17]
    assert of_groups.high - of_groups.low > 2 * (of_rows.high - of_rows.low)
    assert of_times.high - of_times.low > 2 * (of_rows.high - of_rows.low)
