"""Jobs of a comparison that run in processes of their own."""

from __future__ import annotations

import sys

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain._base import ConfigError
from cotrain.comparison._checked_files import read_arrays
from cotrain.comparison._network_jobs import score_networks
from cotrain.comparison._pooled import PooledNetwork

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
