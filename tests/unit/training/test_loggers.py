import json

import pytest

from cotrain.training import FitStart, JsonLinesLogger, TensorBoardLogger, _loggers


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


def test_a_long_history_is_written_in_time_that_grows_with_its_length(tmp_path, monkeypatch):
    written = []
    real = _loggers.write_text_atomically
    monkeypatch.setattr(_loggers, "write_text_atomically", lambda p, t: (written.append(len(t)), real(p, t)))
    logger = JsonLinesLogger(tmp_path / "history.jsonl")
    logger.start(start())
    for epoch in range(5003):
        logger.epoch({"epoch": epoch})
        # Never more behind than one line in 500.
        if epoch % 97 == 0:
            n_lines = (tmp_path / "history.jsonl").read_text().count("\n")
            assert epoch + 1 - n_lines <= epoch // 500
    logger.finish()
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == list(range(5003))
    # Every epoch up to the 1,000th, then 500 times whenever the history has grown by a factor e.
    assert len(written) < 1000 + 500 * 2


def test_a_round_is_written_at_once_whatever_the_length(tmp_path):
    logger = JsonLinesLogger(tmp_path / "history.jsonl")
    logger.start(start([{"epoch": epoch} for epoch in range(3000)]))
    logger.round({"round": 1}, [])
    assert json.loads((tmp_path / "history.jsonl").read_text().splitlines()[-1]) == {
        "cotraining": {"round": 1}
    }


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


def test_tensorboard_tells_the_networks_of_an_ensemble_apart(tmp_path):
    pytest.importorskip("tensorboard", reason="tensorboard is not installed")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    logger = TensorBoardLogger(tmp_path)
    for value in (0.5, 0.25):
        logger.start(start())
        logger.epoch({"epoch": 0, "loss": {"a": value}})
        logger.finish()
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    assert [event.value for event in events.Scalars("loss/a")] == [0.5]
    assert [event.value for event in events.Scalars("network 2/loss/a")] == [0.25]
