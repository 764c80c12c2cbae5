import json

import pytest

from cotrain.training import FitStart, JsonLinesLogger, TensorBoardLogger


def start(history=()):
    return FitStart(["a"], n_steps=10, n_epochs=5, step=0, history=list(history))


def test_json_lines_hold_the_history_and_nothing_after_it(tmp_path):
    logger = JsonLinesLogger(tmp_path / "history.jsonl")
    logger.start(start())
    logger.epoch({"epoch": 0, "loss": {"a": 0.5}})
    logger.epoch({"epoch": 1, "loss": {"a": 0.25}})
    logger.finish()
    # The checkpoint may be older than the file: the fit that goes on writes the later epochs anew.
    again = JsonLinesLogger(tmp_path / "history.jsonl")
    again.start(start([{"epoch": 0, "loss": {"a": 0.5}}]))
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [{"epoch": 0, "loss": {"a": 0.5}}]


def test_tensorboard_gets_the_numbers(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(tmp_path)
    logger.start(start())
    logger.epoch({"epoch": 0, "loss": {"a": 0.5}, "note": "text"})
    logger.epoch({"epoch": 1, "loss": {"a": 0.25}})
    logger.finish()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.value for event in events.Scalars("loss/a")] == [0.5, 0.25]
