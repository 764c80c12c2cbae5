"""Architectures without any shared parameter are trained like all others."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest

import cotrain as ct

ARCHITECTURES = {
    "Separate": ct.networks.Separate,
    "SoftSharing": ct.networks.SoftSharing,
    "frozen LowRank": lambda: ct.networks.LowRank(rank=2, frozen=True),
}


@pytest.mark.parametrize(
    "balancer", [ct.balancing.ReferenceScaled, ct.balancing.UPGrad, ct.balancing.GradDrop]
)
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_the_learner_fits_it(name, balancer):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    kind = np.where(x[:, 0] > 0, "up", "down").astype(object)
    kind[::5] = None
    frame = pl.DataFrame({"u": x[:, 0], "v": x[:, 1], "sum": x.sum(1), "kind": kind.tolist()})
    learner = ct.Learner(
        tasks=[ct.tasks.Regression("sum"), ct.tasks.Multiclass("kind")],
        sharing=ARCHITECTURES[name](),
        balancer=balancer(),
        training=ct.training.Training(epochs=2, batch_size=16, device="cpu"),
        seed=0,
    )
    learner.fit(frame, validation=0.2)
    predictions = learner.predict(frame)
    assert len(predictions) == 60
    assert all(math.isfinite(value) for value in predictions["sum"])
