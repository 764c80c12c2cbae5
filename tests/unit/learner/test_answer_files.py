"""A run folder holds whoever answers: read again it predicts the same, to the bit, or says what is wrong."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain._base import RunError
from cotrain.learner._answer_choice import Answer
from cotrain.learner._answers import Answers
from cotrain.learner._run_folder import ALONE_FOLDER, ANSWER_TREES, ANSWERS, SEALED, seal_run
from cotrain.learner._run_manifest import seal
from cotrain.tasks import Binary, Multiclass, Regression


def frame(n: int = 200, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    x, kind = rng.normal(size=(n, 2)), rng.integers(0, 4, n)
    signal = np.sign(x[:, 0]) * 3 + kind % 2
    return pl.DataFrame(
        {
            "x": x[:, 0],
            "kind": [f"k{k}" for k in kind],
            "text": [f"word{k} schön 電影 n{i % 9}" for i, k in enumerate(kind)],
            "price": signal + 0.1 * x[:, 1],
            "sold": [None if i % 3 == 0 else bool(v > 0) for i, v in enumerate(signal)],
            "colour": np.array(["red", "green", "blue"])[np.digitize(signal, [-1, 3])],
        }
    )


def learner() -> ct.Learner:
    return ct.Learner(
        [Regression("price"), Binary("sold"), Multiclass("colour")],
        encoder=ct.networks.TableEncoder(width=4, depth=0),
        training=ct.Training(epochs=1, batch_size=64),
        columns={"text": "text"},
        answer="auto",
    )


def forced(model: ct.Learner) -> ct.Learner:
    """The same learner with a lone network, trees and a blend of all in its answers."""
    contenders = model._contenders
    assert contenders.trees is not None
    tasks = {task.name: task for task in model.preprocessor.tasks}
    thirds = {"joint": 0.25, "alone": 0.25, "trees": 0.5}
    answers = Answers(
        {
            "price": Answer("alone", {"alone": 1.0}),
            "sold": Answer("blend", thirds),
            "colour": Answer("trees", {"trees": 1.0}),
        },
        {name: contenders.singles[name].fitted for name in ("price", "sold")},
        {name: contenders.trees.fit(tasks[name]) for name in ("sold", "colour")},
        contenders.trees.inputs,
        {"sold": 1.5, "colour": 0.75},
    )
    model._fitted = model.fitted.with_answers(answers)
    return model


@pytest.fixture(scope="module")
def fitted() -> ct.Learner:
    return forced(learner().fit(frame(), 0.3, progress=False))


@pytest.fixture
def saved(fitted: ct.Learner, tmp_path: Path) -> Path:
    fitted.save(tmp_path / "run")
    return tmp_path / "run"


def test_what_is_saved_predicts_the_same_to_the_bit(fitted: ct.Learner, saved: Path) -> None:
    test = frame(80, seed=1)
    again = ct.Learner.load(saved)
    assert again.predict(test).equals(fitted.predict(test))
    assert again.answers == fitted.answers
    assert again.answers["sold"] == "0.25 joint + 0.25 alone + 0.5 trees"
    for one, other in zip(again.evaluate(test), fitted.evaluate(test), strict=True):
        assert one.value == other.value or (np.isnan(one.value) and np.isnan(other.value))
    again.save(saved.parent / "copy")
    assert ct.Learner.load(saved.parent / "copy").predict(test).equals(fitted.predict(test))
    for name in (ANSWERS, ANSWER_TREES):
        if name == ANSWER_TREES:
            assert (saved.parent / "copy" / name).read_bytes() == (saved / name).read_bytes()


def test_a_copy_elsewhere_is_as_good(fitted: ct.Learner, saved: Path, tmp_path: Path) -> None:
    shutil.move(saved, tmp_path / "moved")
    test = frame(30, seed=1)
    assert ct.Learner.load(tmp_path / "moved").predict(test).equals(fitted.predict(test))


@pytest.mark.parametrize("what", ["lone network", "answers", "trees"])
def test_what_is_missing_is_named(saved: Path, what: str) -> None:
    if what == "lone network":
        shutil.rmtree(saved / ALONE_FOLDER / "1")
    else:
        (saved / {"answers": ANSWERS, "trees": ANSWER_TREES}[what]).unlink()
    with pytest.raises(RunError, match=r"absent or of another run|is missing"):
        ct.Learner.load(saved)


def test_a_lone_network_of_another_run_is_refused(saved: Path) -> None:
    shutil.rmtree(saved / ALONE_FOLDER / "1")
    shutil.copytree(saved / ALONE_FOLDER / "0", saved / ALONE_FOLDER / "1")
    with pytest.raises(RunError, match="of another run"):
        ct.Learner.load(saved)


def change(saved: Path, edit: Any) -> None:
    values = json.loads((saved / ANSWERS).read_text())
    edit(values)
    (saved / ANSWERS).write_text(json.dumps(values))
    seal(saved, SEALED)


@pytest.mark.parametrize(
    "edit",
    [
        lambda v: v.pop("tasks"),
        lambda v: v["tasks"]["sold"].update(weights={"joint": 7}),
        lambda v: v["tasks"].update(nothing=v["tasks"]["sold"]),
        lambda v: v["temperatures"].update(sold=-1),
        lambda v: v.update(tasks=[]),
        lambda v: v["tasks"]["price"].update(weights={"trees": 1.0}, by="trees"),
    ],
)
def test_damage_is_a_sentence_even_under_a_fresh_seal(saved: Path, edit: Any) -> None:
    change(saved, edit)
    with pytest.raises(RunError, match="is damaged"):
        ct.Learner.load(saved)


def test_a_newer_version_is_told(saved: Path) -> None:
    change(saved, lambda v: v.update(version=99))
    with pytest.raises(RunError, match="newer cotrain"):
        ct.Learner.load(saved)


def test_trees_that_are_none_are_a_sentence(saved: Path) -> None:
    (saved / ANSWER_TREES).write_bytes(b"no trees")
    seal_run(saved)
    with pytest.raises(RunError, match=r"trees\.safetensors is damaged"):
        ct.Learner.load(saved)


def test_a_run_that_goes_on_ends_with_the_same_bytes(tmp_path: Path) -> None:
    run, test = tmp_path / "run", frame(40, seed=1)
    before = learner().fit(frame(), 0.3, run=run, progress=False).predict(test)
    files = {name: (run / name).read_bytes() for name in (ANSWERS, "model.safetensors", "confidence.json")}
    again = learner().fit(frame(), 0.3, run=run, resume=True, progress=False)
    assert {name: (run / name).read_bytes() for name in files} == files
    assert again.predict(test).equals(before)
    assert ct.Learner.load(run).predict(test).equals(before)


def test_a_run_that_ended_before_the_choice_is_not_whole(tmp_path: Path, monkeypatch: Any) -> None:
    run = tmp_path / "run"

    def stop(*_: Any, **__: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("cotrain.learner._learner.fit_contenders", stop)
        with pytest.raises(KeyboardInterrupt):
            learner().fit(frame(), 0.3, run=run, progress=False)
    with pytest.raises(RunError, match="go on with --resume"):
        ct.Learner.load(run)
    whole = learner().fit(frame(), 0.3, run=tmp_path / "whole", progress=False)
    gone_on = learner().fit(frame(), 0.3, run=run, resume=True, progress=False)
    assert (run / ANSWERS).read_bytes() == (tmp_path / "whole" / ANSWERS).read_bytes()
    assert gone_on.predict(frame(30, 1)).equals(whole.predict(frame(30, 1)))


def test_a_new_run_in_the_place_of_an_old_one_keeps_nothing_of_it(tmp_path: Path) -> None:
    run = tmp_path / "run"
    learner().fit(frame(), 0.3, run=run, progress=False)
    plain = learner()
    plain.answer = "joint"
    plain.fit(frame(), 0.3, run=run, overwrite=True, progress=False)
    assert not (run / ANSWERS).exists()
    assert not (run / ANSWER_TREES).exists()
    assert not (run / ALONE_FOLDER).exists()
    assert set(ct.Learner.load(run).answers.values()) == {"joint"}
