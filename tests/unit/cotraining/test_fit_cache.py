"""A fit that had ended is read, one that was under way goes on, and a foreign one is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from cotrain._base import RunError
from cotrain.balancing import Equal
from cotrain.cotraining import CoTraining
from cotrain.cotraining._fit_cache import FitCache
from cotrain.training import Fit, FitResult, Training
from cotrain.training._checkpoint import Checkpoints


class Killed(BaseException):
    pass


@pytest.fixture
def make(make_problem):
    """Return a maker of fits of three epochs, and the list of those that were made."""
    problem = make_problem(n=120, labelled=60)
    made: list[Fit] = []

    def make_fit(checkpoint: Path | None, rows=None) -> Fit:
        network = problem.networks(CoTraining()).build("one", problem.tasks)
        settings = Training(3, 32, select="last", device="cpu")
        train = problem.train if rows is None else problem.train.take(rows)
        made.append(
            Fit(
                network, problem.tasks, Equal(), settings, train=train, validation=None, checkpoint=checkpoint
            )
        )
        return made[-1]

    make_fit.made = made
    return make_fit


def same(one: FitResult, other: FitResult) -> bool:
    weights, others = one.weights[0], other.weights[0]
    tensors = all(torch.equal(weights[name], others[name]) for name in weights | others)
    return tensors and one.weights_of == other.weights_of and one.best_epoch == other.best_epoch


def test_without_a_folder_nothing_is_kept_and_every_fit_is_made(make):
    cache = FitCache()
    first, second = cache.fit("start", make), cache.fit("start", make)
    assert same(first, second)
    assert [fit.epoch for fit in make.made] == [3, 3]
    assert cache.path("online") is None
    assert cache.part("views").folder is None
    cache.clear()


def test_a_fit_that_had_ended_is_read_and_not_made_again(make, tmp_path):
    first = FitCache(tmp_path / "fits").fit("start", make)
    assert [path.name for path in (tmp_path / "fits").iterdir()] == ["start.fit.pt"]
    second = FitCache(tmp_path / "fits").fit("start", make)
    assert same(first, second)
    assert second.history == first.history
    assert [fit.epoch for fit in make.made] == [3, 0]


def test_a_fit_that_was_killed_goes_on_and_ends_bit_identical(make, tmp_path, monkeypatch):
    expected = FitCache().fit("start", make)
    end = Fit._end_epoch

    def dying(fit: Fit) -> None:
        end(fit)
        if fit.epoch == 2:
            raise Killed

    monkeypatch.setattr(Checkpoints, "due", lambda self, *, epoch_ended: epoch_ended)
    monkeypatch.setattr(Fit, "_end_epoch", dying)
    with pytest.raises(Killed):
        FitCache(tmp_path).fit("start", make)
    monkeypatch.undo()
    assert [path.name for path in tmp_path.iterdir()] == ["start.state.pt"]
    epochs = []
    monkeypatch.setattr(Fit, "_end_epoch", lambda fit: (end(fit), epochs.append(fit.epoch)))
    assert same(FitCache(tmp_path).fit("start", make), expected)
    assert epochs == [3], "the epochs before the death are not made again"
    assert [path.name for path in tmp_path.iterdir()] == ["start.fit.pt"]


def test_a_fit_of_other_rows_is_refused_and_left_alone(make, tmp_path):
    cache = FitCache(tmp_path)
    cache.fit("start", make)
    before = (tmp_path / "start.fit.pt").read_bytes()
    with pytest.raises(RunError, match=r"start\.fit\.pt belongs to other training rows.*--overwrite"):
        cache.fit("start", lambda checkpoint: make(checkpoint, rows=torch.arange(50)))
    assert (tmp_path / "start.fit.pt").read_bytes() == before


def test_parts_keep_equal_keys_apart(make, tmp_path):
    cache = FitCache(tmp_path)
    cache.fit("start", make)
    cache.part("views").fit("start", make)
    assert (tmp_path / "views" / "start.fit.pt").exists()
    assert [fit.epoch for fit in make.made] == [3, 3]


def test_clearing_takes_fits_and_empty_folders_and_nothing_of_others(make, tmp_path):
    folder = tmp_path / "fits"
    cache = FitCache(folder)
    cache.fit("start", make)
    cache.part("views").part("left").fit("start", make)
    path = cache.part("online").path("state")
    assert path is not None
    path.write_bytes(b"")
    cache.clear()
    assert not folder.exists()
    cache.part("notes").fit("start", make)
    (folder / "notes" / "mine.txt").write_text("keep")
    cache.clear()
    assert [str(path.relative_to(folder)) for path in folder.rglob("*")] == ["notes", "notes/mine.txt"]


def test_what_a_death_left_half_written_is_swept_away(tmp_path):
    leftover = tmp_path / ".start.fit.pt.0123abcd.part"
    leftover.write_bytes(b"half")
    (tmp_path / "mine.txt").write_text("keep")
    FitCache(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
