import random
import shutil
import threading

import numpy as np
import polars as pl
import pytest
import torch
from safetensors import safe_open

import cotrain as ct
from cotrain._base import RunError
from cotrain.learner._fitting import FitOptions
from cotrain.learner._learner import fit_learner
from cotrain.learner._run_folder import (
    SEALED,
    count_seen_rows,
    prepare_run_folder,
    read_weights,
    seal_run,
    write_weights,
)


def films(seed=0, n_rows=60):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n_rows, 2))
    return pl.DataFrame({"x": x[:, 0], "y": x[:, 1], "big": x[:, 0] > 0, "price": 3 * x[:, 1]})


def learner(**options):
    tasks = [ct.tasks.Binary("big"), ct.tasks.Regression("price")]
    training = ct.Training(epochs=2, batch_size=32)
    return ct.Learner(tasks, encoder=ct.networks.TableEncoder(width=4, depth=0), training=training, **options)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, seed in (("a", 0), ("b", 1)):
        learner().fit(films(seed), films(seed + 10), run=folder / name, progress=False)
    return folder


@pytest.fixture
def run(runs, tmp_path):
    shutil.copytree(runs / "a", tmp_path / "run")
    return tmp_path / "run"


def test_every_flipped_bit_in_any_file_is_refused_by_its_name(run):
    draw = random.Random(0)
    files = sorted(path for path in run.iterdir() if path.name not in (".lock", "manifest.json"))
    for number in range(150):
        path = files[number % len(files)]
        whole = path.read_bytes()
        place, bit = draw.randrange(len(whole)), 1 << draw.randrange(8)
        path.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
        with pytest.raises(RunError) as error:
            ct.Learner.load(run)
        assert path.name in str(error.value)
        path.write_bytes(whole)
    ct.Learner.load(run)


def test_a_file_of_another_run_is_refused_by_its_name(run, runs):
    differ = 0
    for name in [*SEALED, "manifest.json"]:
        other = runs / "b" / name
        if not other.exists() or other.read_bytes() == (runs / "a" / name).read_bytes():
            continue
        differ += 1
        shutil.copy(other, run / name)
        with pytest.raises(RunError) as error:
            ct.Learner.load(run)
        assert name in str(error.value) or name == "manifest.json"
        shutil.copy(runs / "a" / name, run / name)
    assert differ >= 6


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_other_rows_in_any_part_are_refused_on_resume_and_leave_the_run_as_it_is(tmp_path, part):
    rows = {"train": films(0), "validation": films(1, 20), "test": films(2, 20)}

    def fit(resume, **changed):
        rows_now = {**rows, **changed}
        options = FitOptions(run=tmp_path, resume=resume, progress=False, test=rows_now["test"])
        return fit_learner(learner(), rows_now["train"], rows_now["validation"], options)

    first = fit(False)
    other = rows[part].with_columns(price=pl.when(pl.int_range(pl.len()) == 3).then(9.0).otherwise("price"))
    named = "training" if part == "train" else part
    # Numbers are coded by what is learned of the training rows: with these, all others change as well.
    with pytest.raises(RunError, match=f"begun with other {named}"):
        fit(True, **{part: other})
    assert ct.Learner.load(tmp_path).predict(rows["test"]).equals(first.predict(rows["test"]))
    fit(True)


class Meanwhile:
    """Lets somebody else try while a fit is under way."""

    def __init__(self, attempt):
        self.attempt = attempt

    def start(self, start): ...
    def step(self, step, losses): ...
    def finish(self): ...
    def round(self, record, lines): ...
    def message(self, text): ...

    def epoch(self, record):
        for options in ({}, {"overwrite": True}, {"resume": True}):
            thread = threading.Thread(target=self.attempt, kwargs=options)
            thread.start()
            thread.join()


def test_a_second_writer_is_refused_and_the_first_one_ends_as_if_alone(tmp_path, runs):
    refused = []

    def attempt(**options):
        try:
            learner().fit(films(1), films(11), run=tmp_path / "r", progress=False, **options)
        except RunError as error:
            refused.append(str(error))

    learner().fit(films(0), films(10), run=tmp_path / "r", progress=False, loggers=[Meanwhile(attempt)])
    assert len(refused) == 6
    assert all("another process" in sentence for sentence in refused)
    for name in ("model.safetensors", "config.yaml", "schema.json", "state.pt", "run.json"):
        assert (tmp_path / "r" / name).read_bytes() == (runs / "a" / name).read_bytes(), name


def test_rows_that_were_trained_on_are_known_again(runs):
    loaded = ct.Learner.load(runs / "a")
    mixed = pl.concat([films(0)[:7], films(10)[:5], films(77)])
    assert count_seen_rows(runs / "a", loaded.preprocessor.examples(mixed)) == {"train": 7, "validation": 5}


def test_overwriting_begins_with_the_manifest_so_that_no_mixture_is_ever_whole(run, monkeypatch):
    removed, unlink = [], type(run).unlink

    def noted(self, missing_ok=False):
        removed.append(self.name)
        unlink(self, missing_ok)

    monkeypatch.setattr(type(run), "unlink", noted)
    prepare_run_folder(run, overwrite=True)
    assert removed[0] == "manifest.json"


def test_a_saved_learner_can_be_loaded_and_its_files_are_sealed_as_well(run, tmp_path):
    loaded = ct.Learner.load(run)
    loaded.save(tmp_path / "saved")
    again = ct.Learner.load(tmp_path / "saved")
    assert again.predict(films(5)).equals(loaded.predict(films(5)))
    (tmp_path / "saved" / "schema.json").write_text("{}")
    with pytest.raises(RunError, match=r"schema\.json is damaged or of another run"):
        ct.Learner.load(tmp_path / "saved")
    seal_run(tmp_path / "saved")
    with pytest.raises(RunError, match=r"schema\.json is damaged"):
        ct.Learner.load(tmp_path / "saved")


def test_what_sets_of_weights_have_alike_is_written_once_and_to_the_bit(tmp_path):
    alike, zero = torch.randn(100, 10), torch.zeros(3)
    sets = [
        {"a": alike, "b": torch.zeros(()), "c": zero},
        {"a": alike.clone(), "b": torch.ones(()), "c": -zero},
        {"a": alike + 1, "b": torch.zeros(()), "c": zero.double()},
    ]
    write_weights(tmp_path, sets, {"x": [0, 1], "y": [1], "z": [2]})
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        assert sorted(file.keys()) == ["0.a", "0.b", "0.c", "1.b", "1.c", "2.a", "2.c"]
    found, weights_of = read_weights(tmp_path)
    assert weights_of == {"x": [0, 1], "y": [1], "z": [2]}
    for before, after in zip(sets, found, strict=True):
        assert before.keys() == after.keys()
        for name, tensor in before.items():
            assert tensor.dtype == after[name].dtype
            assert tensor.numpy().tobytes() == after[name].numpy().tobytes()


@pytest.mark.parametrize("wrong", [[], {"x": []}, {"x": [-1]}, {"x": [[0]]}, {"x": None}, 3])
def test_sets_that_are_none_are_damage(tmp_path, wrong):
    write_weights(tmp_path, [{"a": torch.ones(1)}], wrong)
    with pytest.raises(RunError, match=r"model\.safetensors is damaged"):
        read_weights(tmp_path)


def test_one_set_a_task_may_be_a_number_as_in_runs_of_before(tmp_path):
    write_weights(tmp_path, [{"a": torch.ones(1)}, {"a": torch.zeros(1)}], {"x": 1, "y": 0})
    assert read_weights(tmp_path)[1] == {"x": [1], "y": [0]}
