from __future__ import annotations

from pathlib import Path

from cotrain.comparison._status_file import STATUS, Status, StatusLogger
from cotrain.training import FitStart


def test_others_read_how_far_a_fit_is(tmp_path: Path) -> None:
    logger = StatusLogger(tmp_path)
    assert Status.read(tmp_path) is None
    logger.start(FitStart(["a", "b"], 100, 10, 0, []))
    assert Status.read(tmp_path) == Status(0, 10)
    logger.step(3, {"a": 1.0})
    logger.epoch({"gain": {"a": 0.25, "b": 0.75}})
    logger.epoch({"gain": {"a": 0.1, "b": float("nan")}})
    assert Status.read(tmp_path) == Status(2, 10, 0.5)
    logger.epoch({})
    logger.finish()
    assert Status.read(tmp_path) == Status(3, 10, 0.5)
    logger.remove()
    assert not list(tmp_path.iterdir())


def test_half_a_status_is_none(tmp_path: Path) -> None:
    (tmp_path / STATUS).write_text('{"epoch": 1')
    assert Status.read(tmp_path) is None
