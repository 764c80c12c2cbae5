"""Networks of different encoders."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression

import cotrain as ct
from cotrain._base import InvalidArgumentError
from cotrain.cotraining import CoTrainingClassifier, DifferentEncoders, FittedNetwork
from cotrain.learner import Configuration
from cotrain.networks import MLP, TableEncoder


def test_each_peer_has_the_encoder_of_its_place():
    x, y = make_blobs(120, 4, centers=3, cluster_std=3.0, random_state=0)
    strategy = DifferentEncoders([MLP((8,), key="numbers"), TableEncoder(16, 0), TableEncoder(32, 0)])
    few = np.where(np.arange(120) < 30, y, -1)
    model = CoTrainingClassifier(strategy, max_rounds=1, updates=10, random_state=0).fit(x, few)
    peers = model._outcome.fitted[0] or model._outcome.fitted[-1]
    assert all(isinstance(peer, FittedNetwork) for peer in peers)
    widths = [next(iter(peer.model.sharing.widths().values())) for peer in peers]
    assert widths == [8, 16, 32]
    assert model.history_["peers"] == ["network 1", "network 2", "network 3"]


def test_a_configuration_names_encoders():
    config = {
        "data": "table.csv",
        "tasks": [{"kind": "Binary", "name": "side"}],
        "cotraining": {
            "strategy": {
                "kind": "DifferentEncoders",
                "encoders": [{"kind": "TableEncoder", "width": 32}, {"kind": "TableEncoder"}],
            }
        },
    }
    job = Configuration.from_config(config)
    strategy = job.learner.cotraining.strategy
    assert isinstance(strategy, DifferentEncoders)
    assert [encoder.width for encoder in strategy.encoders or []] == [32, 128]
    strategy = job.config()["cotraining"]["strategy"]
    assert strategy["encoders"] == config["cotraining"]["strategy"]["encoders"]


def test_a_learner_uses_them():
    x, y = make_blobs(90, 2, centers=2, cluster_std=3.0, random_state=0)
    frame = pl.DataFrame(
        {"a": x[:, 0], "b": x[:, 1], "y": [int(v) if i % 2 else None for i, v in enumerate(y)]}
    )
    settings = ct.CoTraining(DifferentEncoders([TableEncoder(8, 0), TableEncoder(4, 1)]), 1, updates=5)
    learner = ct.Learner([ct.tasks.Binary("y")], cotraining=settings, training=ct.Training(epochs=1))
    assert learner.fit(frame, 0.3, progress=False).predict(frame).height == 90


def test_estimators_have_no_encoder_and_one_is_too_few():
    with pytest.raises(InvalidArgumentError, match="expected at least two"):
        DifferentEncoders([TableEncoder()])
    x, y = make_blobs(60, 2, random_state=0)
    model = CoTrainingClassifier(
        DifferentEncoders([TableEncoder(8, 0)] * 2), estimator=LogisticRegression(), random_state=0
    )
    with pytest.raises(InvalidArgumentError, match="which is an estimator"):
        model.fit(x, np.where(np.arange(60) < 30, y, -1))
