"""Thresholds are chosen on validation rows for whoever answers, and kept with the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain._base import RunError
from cotrain.learner import complete
from cotrain.learner._confidence import CalibratedConfidence


class Told:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def message(self, text: str) -> None:
        self.lines.append(text)


def frame(n: int = 900, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    rare = x + 0.8 * rng.normal(size=n) > 1.9
    return pl.DataFrame({"x": x, "z": rng.normal(size=n), "rare": rare, "other": x > 0})


def fitted(told: Any = None, *, validation: Any = 0.4, answer: Any = "joint") -> ct.Learner:
    tasks = [
        ct.tasks.Binary("rare", threshold="f1", metrics=["auroc", "f1"]),
        ct.tasks.Binary("other"),
    ]
    learner = ct.Learner(tasks, training=ct.Training(epochs=4, batch_size=32), answer=answer)
    return learner.fit(frame(), validation, progress=False, loggers=[told] if told else [])


def test_it_is_the_best_on_the_validation_rows_and_said(tmp_path: Path) -> None:
    told = Told()
    train, held = frame()[:500], frame()[500:]
    tasks = [ct.tasks.Binary("rare", threshold="f1", metrics=["f1"]), ct.tasks.Binary("other")]
    learner = ct.Learner(tasks, training=ct.Training(epochs=4, batch_size=32))
    learner.fit(train, held, progress=False, loggers=[told])  # ty: ignore[invalid-argument-type]
    chosen = learner.fitted.confidence.thresholds
    assert list(chosen) == ["rare"]
    assert [line for line in told.lines if line.startswith("rare: decided at ")] == [chosen["rare"].sentence]
    said, truth = learner.predict(held)["rare_probability"].to_numpy(), held["rare"].to_numpy()
    every = [2 * (truth & (said >= t)).sum() / (truth.sum() + (said >= t).sum()) for t in said]
    assert learner.evaluate(held).value("rare", "f1") == pytest.approx(max(every))
    (threshold,) = chosen["rare"].values
    assert (learner.predict(held)["rare"].to_numpy() == (said > threshold)).all()
    assert threshold < 0.5
    learner.save(tmp_path / "run")
    again = ct.Learner.load(tmp_path / "run")
    assert again.predict(held).equals(learner.predict(held))
    assert again.evaluate(held).value("rare", "f1") == learner.evaluate(held).value("rare", "f1")


def test_the_networks_are_those_of_a_fit_that_chooses_none() -> None:
    learner = fitted()
    other = ct.Learner(
        [ct.tasks.Binary("rare", metrics=["auroc", "f1"]), ct.tasks.Binary("other")],
        training=ct.Training(epochs=4, batch_size=32),
    ).fit(frame(), 0.4, progress=False)
    test = frame(100, seed=1)
    for name, output in other.outputs(test).items():
        assert (learner.outputs(test)[name] == output).all()


def test_without_validation_rows_it_is_one_half_and_said() -> None:
    told = Told()
    learner = fitted(told, validation=None)
    assert learner.fitted.confidence.thresholds["rare"].values == (0.5,)
    assert "rare: decided at 0.5: there are no validation rows to choose by." in told.lines


def test_whoever_answers_has_a_threshold_of_its_own_and_the_joint_network_keeps_its_own() -> None:
    joint, auto = fitted(), fitted(answer="auto")
    test = frame(400, seed=2)
    ours = auto.fitted.joint.confidence.thresholds["rare"]
    assert ours == joint.fitted.confidence.thresholds["rare"]
    assert auto.fitted.joint.evaluate(test).value("rare", "f1") == joint.evaluate(test).value("rare", "f1")
    if "rare" in auto.fitted.answers.others:
        assert auto.fitted.confidence.thresholds["rare"] != ours


def test_completed_cells_are_as_sure_as_what_is_filled_in() -> None:
    learner = fitted()
    (threshold,) = learner.fitted.confidence.thresholds["rare"].values
    empty = frame(300, seed=3).with_columns(rare=pl.lit(None, pl.Boolean))
    filled, said = complete(learner, empty), learner.predict(empty)["rare_probability"].to_numpy()
    yes = filled["rare"].to_numpy()
    assert (yes == (said > threshold)).all()
    doubtful = yes & (said < 0.5)
    assert doubtful.any()
    expected = np.where(yes, said, 1 - said)
    np.testing.assert_allclose(filled["rare_confidence"].to_numpy(), expected, rtol=1e-5)
    sure = complete(learner, empty, min_confidence=0.6)
    assert sure["rare"].is_null().to_numpy()[doubtful].all()


@pytest.mark.parametrize("damaged", [[0.0], [], ["x"], None])
def test_damaged_thresholds_are_refused(tmp_path: Path, damaged: Any) -> None:
    values = {"calibrators": {}, "near": {}, "thresholds": {"rare": {"values": damaged, "sentence": ""}}}
    (tmp_path / "confidence.json").write_text(json.dumps(values))
    with pytest.raises(RunError, match="damaged"):
        CalibratedConfidence.read(tmp_path)
