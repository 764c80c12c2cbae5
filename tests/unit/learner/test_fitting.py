"""What a fit keeps, in which order, and whom it tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain._base import InvalidArgumentError
from cotrain.cotraining import Committee, CoTraining, Temperature
from cotrain.learner._fitting import FitOptions
from cotrain.training import Logger


def table(n: int = 90) -> pl.DataFrame:
    x = np.random.default_rng(0).normal(size=n)
    return pl.DataFrame(
        {"x": x, "y": [("p" if v > 0 else "q") if i % 3 else None for i, v in enumerate(x)], "z": 2 * x}
    )


def learner(**options: Any) -> ct.Learner:
    return ct.Learner(
        [ct.tasks.Binary("y"), ct.tasks.Regression("z")],
        encoder=ct.networks.TableEncoder(width=4, depth=0),
        training=ct.Training(epochs=4, batch_size=32, learning_rate=0.02),
        **options,
    )


class Failing(Temperature):
    """A calibration that fails, as a user's own may."""

    def fit(self, *_: Any) -> Any:
        raise ZeroDivisionError("in the calibration")


class Everything(Logger):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.rounds: list[Mapping[str, Any]] = []

    def epoch(self, record: Mapping[str, Any]) -> None:
        self.heard.append("epoch")

    def finish(self) -> None:
        self.heard.append("finish")

    def round(self, record, lines) -> None:
        self.heard.append("round")
        self.rounds.append(record)
        assert all(isinstance(line, str) for line in lines)

    def message(self, text: str) -> None:
        self.heard.append("message")


def test_what_fails_after_the_training_does_not_lose_it(tmp_path, monkeypatch):
    monkeypatch.setattr("cotrain.learner._confidence.Temperature", Failing)
    model = learner()
    with pytest.raises(ZeroDivisionError):
        model.fit(table(), 0.2, run=tmp_path / "run", progress=False)
    assert ct.Learner.load(tmp_path / "run").predict(table()).equals(model.predict(table()))


def test_a_logger_of_the_users_own_hears_the_rounds_of_co_training(tmp_path):
    logger = Everything()
    settings = CoTraining(Committee(2), max_rounds=2, updates=20)
    frame = table(400)
    learner(cotraining=settings).fit(frame, 0.3, run=tmp_path / "run", progress=False, loggers=[logger])
    assert logger.heard.count("round") == len(logger.rounds) >= 1
    assert logger.heard.index("finish") < logger.heard.index("round") < logger.heard.index("message")
    kept = (tmp_path / "run" / "history.jsonl").read_text().count('"cotraining"')
    assert kept == len(logger.rounds)


def test_a_logger_without_a_method_is_refused_before_the_training():
    class Deaf:
        def start(self, start): ...

        def step(self, step, losses): ...

        def epoch(self, record): ...

        def finish(self): ...

    with pytest.raises(InvalidArgumentError, match="Deaf has no method 'round'"):
        learner().fit(table(), 0.2, progress=False, loggers=[Deaf()])


def test_there_must_be_something_to_resume():
    with pytest.raises(InvalidArgumentError, match=r"needs run=\.\.\."):
        FitOptions(resume=True)
