"""Whatever is written is there whole, old or new, when the power fails; and what goes on ends bit-identical.

Every file is written through `cotrain._base._atomic_files`: there a crash is put before and after each fsync
and each rename, one point after the other.
"""

import json
import os
import types
from functools import partial

import numpy as np
import polars as pl
import pytest
import torch
import yaml

import cotrain as ct
from cotrain._base import RunError, _atomic_files
from cotrain.comparison import _grid, compare, train_run
from cotrain.data import write_table
from cotrain.learner import Configuration, complete
from cotrain.learner._run_folder import verify_run
from cotrain.training import Fit
from cotrain.training._checkpoint import read_checkpoint
from cotrain.tuning import tune


class PowerCut(BaseException):
    """The process is gone: nobody catches it, and nothing more is written."""


class Injector:
    """Counts the points, and crashes at one of them; after it every other point crashes as well."""

    def __init__(self, monkeypatch):
        self.count, self.at = 0, None
        sync = _atomic_files._sync
        patched = types.SimpleNamespace(**{name: getattr(os, name) for name in dir(os) if name[0] != "_"})
        patched.replace = self.around(os.replace)
        monkeypatch.setattr(_atomic_files, "os", patched)
        monkeypatch.setattr(_atomic_files, "_sync", self.around(sync))

    def around(self, function):
        def called(*arguments):
            self.point()
            result = function(*arguments)
            self.point()
            return result

        return called

    def point(self):
        self.count += 1
        if self.at is not None and self.count >= self.at:
            raise PowerCut

    def points(self, work):
        """Return how many points there are in this work."""
        self.count, self.at = 0, None
        work()
        return self.count

    def crash(self, point, work):
        self.count, self.at = 0, point
        with pytest.raises(PowerCut):
            work()
        self.at = None


@pytest.fixture
def injector(monkeypatch):
    return Injector(monkeypatch)


def films(n_rows=40, unlabelled=0):
    # With noise: boosted trees that can learn everything go on for two thousand rounds.
    x, noise = np.random.default_rng(0).normal(size=(2, n_rows + unlabelled, 2))
    big = [bool(v > 0) if i < n_rows else None for i, v in enumerate(x[:, 0] + noise[:, 0])]
    return pl.DataFrame({"x": x[:, 0], "y": x[:, 1], "big": big, "price": 3 * x[:, 1] + noise[:, 1]})


def learner(**options):
    return ct.Learner(
        [ct.tasks.Binary("big"), ct.tasks.Regression("price")],
        encoder=ct.networks.TableEncoder(width=4, depth=0),
        training=ct.Training(epochs=2, batch_size=32),
        **options,
    )


def read_all(folder, but=()):
    """Return every file: bytes, or the content where equal content may have other bytes."""
    found = {}
    for path in sorted(folder.iterdir()):
        # The manifest holds the hash of the checkpoint.
        if path.is_file() and path.name not in (".lock", "manifest.json", *but):
            found[path.name] = plain(read_checkpoint(path)) if path.suffix == ".pt" else path.read_bytes()
    return found


def plain(value):
    """Return the content of a checkpoint: pickles of equal values differ in what they say only once."""
    if isinstance(value, torch.Tensor):
        return (str(value.dtype), tuple(value.shape), value.cpu().contiguous().numpy().tobytes())
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def look(folder):
    """See that every file is whole, and that a run which is not whole does not pass for one."""
    for path in folder.iterdir():
        if path.suffix == ".json":
            json.loads(path.read_text())
        elif path.suffix == ".jsonl":
            [json.loads(line) for line in path.read_text().splitlines()]
        elif path.suffix == ".yaml":
            assert isinstance(yaml.safe_load(path.read_text()), dict)
    if (folder / "manifest.json").exists():
        try:
            verify_run(folder)
        except RunError as error:
            if "go on with --resume" not in str(
                error
            ):  # a file was added, and not yet sealed with the others
                raise
        else:
            ct.Learner.load(folder)


def every(injector, work, folders, stride=1, but=()):
    """Crash at each point, look, go on, and compare with what was never interrupted."""
    whole = folders / "whole"
    n_points = injector.points(lambda: work(whole, False))
    expected = read_all(whole, but)
    for point in range(1, n_points + 1, stride):
        cut = folders / f"cut{point}"
        injector.crash(point, partial(work, cut, False))
        look(cut)
        work(cut, (cut / "config.yaml").exists())
        assert read_all(cut, but) == expected, f"point {point} of {n_points}"
        assert not list(cut.glob(".*.part"))
    return n_points


@pytest.mark.slow
def test_training_survives_every_point(injector, tmp_path):
    def fit(folder, resume):
        learner().fit(films(), 0.2, run=folder, resume=resume, progress=False)

    assert every(injector, fit, tmp_path) > 60


def test_training_survives_points_all_over(injector, tmp_path):
    def fit(folder, resume):
        learner().fit(films(), 0.2, run=folder, resume=resume, progress=False)

    every(injector, fit, tmp_path, stride=13)


@pytest.mark.parametrize("stride", [41, pytest.param(7, marks=pytest.mark.slow)])
def test_the_choice_who_answers_survives_points_all_over(injector, tmp_path, stride):
    def fit(folder, resume):
        one = learner(answer="auto")
        one.fit(films(80), 0.4, run=folder, resume=resume, progress=False)
        assert set(one.answers) == {"big", "price"}

    assert every(injector, fit, tmp_path, stride=stride) > 150


@pytest.mark.slow
def test_co_training_survives_points_all_over(injector, tmp_path):
    cotraining = ct.CoTraining(ct.cotraining.SelfTraining(), max_rounds=1, patience=1)

    def fit(folder, resume):
        frame = films(40, unlabelled=40)
        learner(cotraining=cotraining).fit(frame, 0.3, run=folder, resume=resume, progress=False)

    every(injector, fit, tmp_path, stride=17)


@pytest.mark.slow
def test_a_run_of_the_command_line_survives_points_all_over(injector, tmp_path):
    films(60).write_parquet(tmp_path / "t.parquet")

    def train(folder, resume):
        configuration = Configuration(learner(), str(tmp_path / "t.parquet"), references="constant")
        train_run(configuration, folder, resume=resume, progress=False)

    # metrics.json holds the seconds that it took.
    every(injector, train, tmp_path, stride=5, but=("metrics.json",))


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".jsonl"])
@pytest.mark.parametrize("what", ["predict", "complete"])
def test_predictions_are_the_old_file_or_the_new_one(injector, tmp_path, ending, what):
    fitted = learner().fit(films(), 0.2, progress=False)
    made = fitted.predict(films()) if what == "predict" else complete(fitted, films(30, unlabelled=10))
    path = tmp_path / f"out{ending}"
    n_points = injector.points(lambda: write_table(made, path))
    new = path.read_bytes()
    for point in range(1, n_points + 1):
        path.write_bytes(b"old")
        injector.crash(point, lambda: write_table(made, path))
        assert path.read_bytes() in (b"old", new)
        path.unlink()
        injector.crash(point, lambda: write_table(made, path))
        assert not path.exists() or path.read_bytes() == new
    assert n_points == 6


def inline(jobs, workers, leases, observer, *, old_failures):
    """Do in this process what the pool would give to others: what has its output is done."""
    for job in jobs:
        if not job.output.exists():
            job.function(**job.arguments)
    return {}


def without_times(value):
    """Return plain values without what a clock has said."""
    if isinstance(value, dict):
        return {key: without_times(item) for key, item in value.items() if "seconds" not in key}
    return [without_times(item) for item in value] if isinstance(value, list) else value


@pytest.mark.slow
def test_a_comparison_survives_points_all_over(injector, tmp_path, monkeypatch):
    monkeypatch.setattr(_grid, "run_jobs", inline)
    films(60).write_parquet(tmp_path / "t.parquet")
    section = {"seeds": 3, "learning_rates": [0.01], "references": ["single_task"]}
    configuration = Configuration(learner(), str(tmp_path / "t.parquet"), compare=section)

    def compared(folder):
        compare(configuration, folder)
        return without_times(json.loads((folder / "results.json").read_text()))

    n_points = injector.points(lambda: compared(tmp_path / "whole"))
    expected = compared(tmp_path / "whole")
    for point in range(2, n_points + 1, n_points // 4):
        cut = tmp_path / f"cut{point}"
        injector.crash(point, partial(compared, cut))
        # Whatever is there is whole: a cell that has its record has its model.
        for cell in cut.glob("cells/*/cell.json"):
            json.loads(cell.read_text())
            verify_run(cell.parent / "model")
        assert compared(cut) == expected, f"point {point} of {n_points}"
    assert n_points > 100


@pytest.mark.slow
def test_a_search_survives_points_all_over(injector, tmp_path, monkeypatch):
    pytest.importorskip("optuna", reason="optuna is not installed")
    # A trial writes nothing itself: there the power goes between two epochs.
    monkeypatch.setattr(Fit, "_end_epoch", injector.around(Fit._end_epoch))
    films(60).write_parquet(tmp_path / "t.parquet")
    section = {"fields": {"training.learning_rate": {"low": 1e-3, "high": 3e-2, "log": True}}, "trials": 3}
    configuration = Configuration(learner(), str(tmp_path / "t.parquet"), tune=section)

    def tuned(folder):
        trials = tune(configuration, folder)["trials"]
        return [(one["values"], one["gains"]) for one in trials if one["state"] == "complete"]

    n_points = injector.points(lambda: tuned(tmp_path / "whole"))
    expected = tuned(tmp_path / "whole")
    for point in range(1, n_points + 1, n_points // 5):
        cut = tmp_path / f"cut{point}"
        injector.crash(point, partial(tuned, cut))
        assert tuned(cut) == expected, f"point {point} of {n_points}"
    assert len(expected) == 3
