import os
import pickle
import random

import pytest
import torch

from cotrain._base import RunError
from cotrain.training._checkpoint import VERSION, Checkpoints, read_checkpoint, write_checkpoint


def test_round_trip(tmp_path):
    checkpoints = Checkpoints(tmp_path / "state.pt", seconds=1)
    checkpoints.write({"a": torch.arange(3), "b": ["x"], "c": {"d": 1.5}})
    state = read_checkpoint(tmp_path / "state.pt")
    assert state["a"].tolist() == [0, 1, 2]
    assert state["b"] == ["x"]
    assert state["c"] == {"d": 1.5}


def test_without_a_path_nothing_is_due():
    assert not Checkpoints(None, seconds=1e-9).due(epoch_ended=True)


def test_due_after_an_epoch_or_after_the_time(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("cotrain.training._checkpoint.time.monotonic", lambda: clock[0])
    checkpoints = Checkpoints(tmp_path / "state.pt", seconds=10)
    assert checkpoints.due(epoch_ended=True)
    assert not checkpoints.due(epoch_ended=False)
    clock[0] = 10.0
    assert checkpoints.due(epoch_ended=False)


def test_a_dear_checkpoint_waits_until_it_costs_a_twentieth(tmp_path, monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("cotrain.training._checkpoint.time.monotonic", lambda: clock[0])
    monkeypatch.setattr(
        "cotrain.training._checkpoint.write_atomically", lambda *_: clock.__setitem__(0, clock[0] + 2)
    )
    checkpoints = Checkpoints(tmp_path / "state.pt", seconds=1)
    checkpoints.write({})
    clock[0] += 39
    assert not checkpoints.due(epoch_ended=True)
    clock[0] += 2
    assert checkpoints.due(epoch_ended=True)


def test_every_flipped_bit_is_refused(tmp_path):
    path, draw = tmp_path / "state.pt", random.Random(0)
    write_checkpoint(path, {"a": torch.arange(50.0), "b": ["x"]})
    whole = path.read_bytes()
    for _ in range(200):
        place, bit = draw.randrange(len(whole)), 1 << draw.randrange(8)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        with pytest.raises(RunError, match="damaged"):
            read_checkpoint(path)
    path.write_bytes(whole)
    assert read_checkpoint(path)["b"] == ["x"]


def test_equal_states_are_equal_files(tmp_path):
    for name in ("a.pt", "b.pt"):
        write_checkpoint(tmp_path / name, {"a": torch.arange(5), "b": ["x"]})
    assert (tmp_path / "a.pt").read_bytes() == (tmp_path / "b.pt").read_bytes()


class Malicious:
    def __reduce__(self):
        return os.mkdir, ("executed",)


def test_a_malicious_pickle_is_refused_and_not_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, write in {
        "plain.pt": lambda path: path.write_bytes(pickle.dumps(Malicious())),
        "torch.pt": lambda path: torch.save({"version": 1, "model": Malicious()}, path),
        "sealed.pt": lambda path: write_checkpoint(path, {"model": Malicious()}),
    }.items():
        write(tmp_path / name)
        with pytest.raises(RunError, match="damaged or not a checkpoint"):
            read_checkpoint(tmp_path / name)
    assert not (tmp_path / "executed").exists()


def test_truncated_empty_missing_and_newer_files_give_a_sentence(tmp_path):
    path = tmp_path / "state.pt"
    with pytest.raises(RunError, match="does not exist"):
        read_checkpoint(path)
    Checkpoints(path, seconds=1).write({"a": torch.zeros(1000)})
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"text"):
        path.write_bytes(damaged)
        with pytest.raises(RunError, match="damaged"):
            read_checkpoint(path)
    write_checkpoint(path, {"version": VERSION + 1})
    with pytest.raises(RunError, match="upgrade cotrain"):
        read_checkpoint(path)
    torch.save([1, 2], path)
    with pytest.raises(RunError, match="not a checkpoint"):
        read_checkpoint(path)
