"""Two ensembles of regressors."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.neighbors import KNeighborsRegressor

from cotrain import tasks as kinds
from cotrain._base import InvalidArgumentError
from cotrain.cotraining import Candidates, Coreg, CoTraining, EstimatorPeer, KBest, Prediction, Threshold
from cotrain.cotraining._predictions import joined
from cotrain.cotraining.rounds._co_training_loop import CoTrainingLoop
from cotrain.cotraining.rounds._run import CoTrainingRun
from cotrain.training import Examples


def test_each_ensemble_teaches_the_other():
    strategy = Coreg(members=3)
    assert [strategy.teachers(learner, 6) for learner in range(6)] == [[3, 4, 5]] * 3 + [[0, 1, 2]] * 3


@pytest.mark.parametrize("selector", [KBest(0.5), Threshold(0.5), Coreg().selector])
def test_the_rows_of_least_variance_are_accepted(selector):
    """With the sign the wrong way round the most uncertain rows would become labels."""
    spread = torch.tensor([0.0, 0.1, 0.2, 5.0, 6.0, 7.0])
    prediction = joined([Prediction(values=(sign * spread)[:, None]) for sign in (-1.0, 0.0, 1.0)])
    assert prediction.spread is not None
    assert torch.allclose(prediction.spread[:, 0], spread * math.sqrt(2 / 3))
    free = torch.ones(6, 1, dtype=torch.bool)
    asked = Candidates(
        classes=prediction.classes(),
        confidence=prediction.confidence(),
        free=free,
        agree=free,
        prior=torch.ones(1, 1),
        progress=1.0,
    )
    assert torch.nonzero(selector.select(asked)[:, 0]).flatten().tolist() == [0, 1, 2]


class NeighboursFactory:
    """Gives a nearest-neighbour regressor on a bootstrap sample where a network is asked for."""

    def __init__(self, tasks):
        self.tasks = tasks

    def network(self, name, tasks=None, view=None, *, bootstrap=False, encoder=None):
        return EstimatorPeer(
            name, self.tasks, regressor=KNeighborsRegressor(3), view=view, bootstrap=0 if bootstrap else None
        )


def given(task, train, held, settings) -> CoTrainingRun:
    return CoTrainingRun(
        tasks=[task],
        examples=train,
        validation=held,
        settings=settings,
        factory=NeighboursFactory([task]),
    )


def problem(seed: int):
    """Return rows of a curve, that is steep and noisy on the left and flat on the right."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(-1, 1, (400, 1))
    y = np.where(x[:, 0] < 0, np.sin(6 * x[:, 0]) + 0.5 * generator.normal(size=400), 0.3 * x[:, 0])
    task = kinds.Regression("y", metrics=["r2"])
    frame = pl.DataFrame({"y": y})
    task.fit(frame)
    targets, mask = task.encode(frame)
    parts = [slice(0, 300), slice(300, 400)]
    truth, held = (
        Examples({"inputs": torch.from_numpy(x[p]).float()}, {"y": targets[p]}, {"y": mask[p]}) for p in parts
    )
    known = torch.arange(300)[:, None] < 60
    return task, Examples(truth.inputs, truth.targets, {"y": known}), truth, held


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_accepted_numbers_are_nearer_the_truth_than_the_others(seed: int):
    task, train, truth, held = problem(seed)
    strategy = Coreg()
    settings = CoTraining(strategy, 1)
    loop = CoTrainingLoop(given(task, train, held, settings))
    outcome = loop.run()
    assert outcome.records[0].tasks[0].accepted == 120
    predictions = [one.predictions(train.inputs)["y"] for one in outcome.fitted[0][3:]]
    values = joined(predictions).values
    assert values is not None
    error = (values - truth.targets["y"]).abs()[60:, 0]
    accepted = loop._teach(loop._predictions(outcome.fitted[0]), 1)[0]["y"].labels.accepted[60:, 0]
    assert float(error[accepted].mean()) < 0.8 * float(error[~accepted].mean())


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_it_never_ends_below_its_start_on_validation(seed: int):
    task, train, _, held = problem(seed)
    strategy = Coreg()
    outcome = CoTrainingLoop(given(task, train, held, CoTraining(strategy, 3))).run()
    metric, y = task.chosen_metrics()[0], task.original(held.targets["y"]).numpy()
    start = type(outcome)(**{**outcome.__dict__, "chosen": {"y": 0}})
    values = [
        metric.compute(
            task.original(one.predictions(held.inputs)["y"].values).numpy(), y, held.masks["y"].numpy()
        )
        for one in (start, outcome)
    ]
    assert values[1] >= values[0]


def test_wrong_arguments_are_refused():
    with pytest.raises(InvalidArgumentError, match=r"Coreg\(members=1\): expected at least 2"):
        Coreg(1)
    with pytest.raises(InvalidArgumentError, match="expected two views"):
        Coreg(views=["a"])
