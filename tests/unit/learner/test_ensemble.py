"""An ensemble: networks from several seeds on the same rows, one answer, in everything that a model does."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain._base import InvalidArgumentError, RunError
from cotrain.evaluation import Evaluation
from cotrain.learner import complete
from cotrain.learner._ensemble import ensemble_sentence, member_folder, member_seed
from cotrain.learner._temperatures import fit_temperatures
from cotrain.tasks import Binary, Multiclass, Regression
from cotrain.training import Logger


class Told(Logger):
    """Keeps what it is told, and may break off."""

    def __init__(self, stop_at: tuple[int, int] | None = None) -> None:
        self.lines: list[str] = []
        self.fits = 0
        self.stop_at = stop_at

    def start(self, start: Any) -> None:
        self.fits += 1

    def epoch(self, record: Any) -> None:
        if (self.fits, record["epoch"]) == self.stop_at:
            raise KeyboardInterrupt

    def message(self, text: str) -> None:
        self.lines.append(text)


def table(n: int = 120, seed: int = 0) -> pl.DataFrame:
    draw = np.random.default_rng(seed)
    x = draw.normal(size=(n, 2))
    noisy = x[:, 0] + 0.7 * draw.normal(size=n)
    return pl.DataFrame(
        {
            "x": x[:, 0],
            "y": x[:, 1],
            "sold": [None if i % 3 == 0 else bool(v > 0) for i, v in enumerate(noisy)],
            "kind": ["a" if v < -0.5 else "b" if v < 0.5 else "c" for v in noisy],
            "price": [None if i % 2 else 3 * a + b for i, (a, b) in enumerate(x)],
        }
    )


def learner(**options: Any) -> ct.Learner:
    options = {
        "encoder": ct.networks.TableEncoder(width=8, depth=1, dropout=0.1),
        "training": ct.Training(epochs=3, batch_size=16, learning_rate=0.02),
        **options,
    }
    return ct.Learner([Binary("sold"), Multiclass("kind"), Regression("price")], **options)


def fitted(**options: Any) -> ct.Learner:
    return learner(**options).fit(table(), table(60, 1), progress=False)


@pytest.fixture(scope="module")
def three() -> ct.Learner:
    return fitted(ensemble=3, seed=4)


@pytest.fixture(scope="module")
def members() -> list[ct.Learner]:
    """The same networks, each fitted by itself."""
    return [fitted(seed=member_seed(4, number)) for number in range(3)]


def scores(model: ct.Learner, rows: pl.DataFrame) -> dict[str, torch.Tensor]:
    """Return task -> scores of the outputs that no temperature has touched."""
    raw = model.fitted.networks.outputs(model.preprocessor.inputs(rows))
    return {task.name: task.scores(raw[task.name].double()) for task in model.preprocessor.tasks}


def test_every_prediction_is_the_mean_of_what_the_networks_by_themselves_predict(three, members):
    rows = table(40, 2)
    each, found = [scores(one, rows) for one in members], scores(three, rows)
    for name in found:
        expected = (each[0][name] + each[1][name] + each[2][name]) / 3
        torch.testing.assert_close(found[name].double(), expected, rtol=1e-5, atol=1e-6)
        assert not torch.allclose(each[0][name], each[1][name], atol=1e-3), "the networks are all alike"
    # Numbers have no temperature: of them this holds for what is handed out.
    prices = np.mean([one.predict(rows)["price"].to_numpy() for one in members], axis=0)
    np.testing.assert_allclose(three.predict(rows)["price"], prices, rtol=1e-5)


def test_temperature_and_confidence_are_those_of_the_mean(three, members):
    held = three.preprocessor.examples(table(60, 1))
    outputs = three.fitted.networks.outputs(held.inputs)
    tasks = three.preprocessor.tasks
    assert three.fitted.confidence.temperatures == fit_temperatures(tasks, outputs, held)
    assert three.fitted.confidence.temperatures != members[0].fitted.confidence.temperatures


def test_figures_of_an_evaluation_are_those_of_the_mean(three):
    rows = table(50, 3)
    examples = three.preprocessor.examples(rows)
    expected = Evaluation(three.preprocessor.tasks, three.preprocessor.constants, n_rows=50)
    expected.add(three.outputs(rows), examples.targets, examples.masks)
    assert three.evaluate(rows).to_dicts() == expected.table(parts=True).to_dicts()
    # What is filled in comes from the same predictions.
    filled = complete(three, rows)
    empty = rows["price"].is_null()
    assert filled["price"].filter(empty).to_list() == pytest.approx(
        three.predict(rows)["price"].filter(empty).to_list()
    )


def test_the_first_network_is_the_one_without_others(three, members):
    first = [three.fitted.networks.weights_of[task][0] for task in ("sold", "kind", "price")]
    own = [members[0].fitted.networks.weights_of[task][0] for task in ("sold", "kind", "price")]
    for ours, theirs in zip(first, own, strict=True):
        mine, other = (one.fitted.networks.weights for one in (three, members[0]))
        assert all(torch.equal(mine[ours][name], other[theirs][name]) for name in other[theirs])
    assert three.fitted_result.history == members[0].fitted_result.history


def test_it_is_loaded_as_it_was_fitted_and_as_it_was_saved(tmp_path):
    rows = table(30, 5)
    model = learner(ensemble=2).fit(table(), 0.3, run=tmp_path / "run", progress=False)
    model.save(tmp_path / "saved")
    for folder in ("run", "saved"):
        again = ct.Learner.load(tmp_path / folder)
        assert again.predict(rows).equals(model.predict(rows))
        assert again.ensemble == 2
        assert again.fitted.ensemble_sentence == model.fitted.ensemble_sentence != ""
        assert again.predict({"x": 0.1, "y": 0.2}) == model.predict({"x": 0.1, "y": 0.2})
    # All of it is sealed, whoever is not the first as well.
    state = member_folder(tmp_path / "run", 1) / "state.pt"
    state.write_bytes(state.read_bytes()[:-1] + b"?")
    with pytest.raises(RunError, match="members/1/state.pt is damaged or of another run"):
        ct.Learner.load(tmp_path / "run")


@pytest.mark.parametrize("stop_at", [(1, 1), (2, 0), (2, 1), (3, 2)])
def test_what_was_broken_off_in_any_network_ends_as_if_it_had_not_been(tmp_path, stop_at):
    whole = learner(ensemble=3).fit(table(), 0.3, run=tmp_path / "whole", progress=False)
    with pytest.raises(KeyboardInterrupt):
        learner(ensemble=3).fit(table(), 0.3, run=tmp_path / "run", progress=False, loggers=[Told(stop_at)])
    with pytest.raises(RunError, match="interrupted"):
        ct.Learner.load(tmp_path / "run")
    again = learner(ensemble=3).fit(table(), 0.3, run=tmp_path / "run", resume=True, progress=False)
    assert again.predict(table(9, 7)).equals(whole.predict(table(9, 7)))
    for name in ("model.safetensors", "confidence.json", "members/2/history.jsonl", "history.jsonl"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_smaller_ensemble_leaves_nothing_of_a_larger_one(tmp_path):
    learner(ensemble=3).fit(table(), 0.3, run=tmp_path, progress=False)
    learner(ensemble=2).fit(table(), 0.3, run=tmp_path, overwrite=True, progress=False)
    assert sorted(path.name for path in (tmp_path / "members").iterdir()) == ["1"]
    ct.Learner.load(tmp_path)
    with pytest.raises(RunError, match="another configuration .ensemble."):
        learner(ensemble=3).fit(table(), 0.3, run=tmp_path, resume=True, progress=False)


def test_the_time_is_shared():
    told, training = Told(), ct.Training(epochs=100_000, batch_size=16, time_limit=0.6, patience=None)
    model = learner(ensemble=3, training=training).fit(table(), 0.3, progress=False, loggers=[told])
    assert told.fits == 3
    shares = [line for line in told.lines if "fit into the time limit" in line]
    assert len(shares) >= 3
    # An equal part of what is left: 0.2 s at first, and no later one has less but for what ran over.
    assert " of 0.2 s" in shares[0]
    assert len(set(model.fitted.networks.weights_of["kind"])) == 3


def test_whoever_answers_beside_it_is_an_ensemble_as_large(tmp_path):
    told = Told()
    model = learner(preset="best").fit(table(240), 0.4, progress=False, loggers=[told], run=tmp_path / "run")
    assert any(line.startswith("answer: auto, 3 networks for sold alone") for line in told.lines)
    singles = model._contenders.singles
    assert {len(single.fitted.networks.weights_of[task]) for task, single in singles.items()} == {3}
    assert ct.Learner.load(tmp_path / "run").predict(table(9, 8)).equals(model.predict(table(9, 8)))


def test_one_task_and_one_row_and_no_validation_are_as_good_as_any():
    model = ct.Learner([Regression("price")], ensemble=2, training=ct.Training(epochs=1, batch_size=1))
    model.fit(table(6), None, progress=False)
    assert model.predict(table(1)).height == 1


def test_it_works_with_the_other_ensembles_and_with_chains():
    from cotrain.networks import ESMM, TabM

    rows = table().with_columns(bought=pl.when(pl.col("kind") == "c").then(pl.col("sold")).otherwise(False))
    tasks = [Binary("sold"), Binary("bought")]
    model = ct.Learner(
        tasks,
        encoder=TabM(8, 1, members=3),
        output_space=ESMM(["sold", "bought"]),
        ensemble=2,
        training=ct.Training(epochs=1),
    )
    found = model.fit(rows, 0.3, progress=False).predict(rows)
    # The mean of chains is one: the later event is no more probable than the earlier.
    assert (found["bought_probability"] <= found["sold_probability"] + 1e-6).all()


@pytest.mark.parametrize("wrong", [0, -1, 2.5, True, 101, "three"])
def test_what_is_no_number_of_networks_is_refused(wrong):
    with pytest.raises(InvalidArgumentError, match=r"expected a whole number of networks in \[1, 100\]"):
        learner(ensemble=wrong)


def test_co_training_is_refused_in_a_sentence():
    settings = ct.CoTraining(ct.cotraining.SelfTraining())
    with pytest.raises(
        InvalidArgumentError, match=r"Learner\(ensemble=2\): co-training ends with one network"
    ):
        learner(ensemble=2, cotraining=settings)
    assert learner(ensemble=1, cotraining=settings).ensemble == 1


def test_the_run_says_what_answers(tmp_path):
    assert ensemble_sentence({"a": (0,), "b": (1,)}) == ""
    from cotrain.comparison import train_run
    from cotrain.learner import Configuration

    table(240).write_parquet(tmp_path / "t.parquet")
    values = {
        "data": str(tmp_path / "t.parquet"),
        "tasks": [{"kind": "Binary", "name": "sold"}, {"kind": "Regression", "name": "price"}],
        "training": {"epochs": 1},
        "ensemble": 2,
        "references": "full",
    }
    lines: list[str] = []
    outcome = train_run(
        Configuration.from_config(values), tmp_path / "run", progress=False, message=lines.append
    )
    saved = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert saved["ensemble"] == outcome.ensemble
    assert outcome.ensemble.startswith("The network is an ensemble: 2 networks from different seeds")
    assert outcome.ensemble.endswith("So is each network for a task alone.")
    assert "Reference 1 of 2: 2 networks for sold alone, as many steps." in lines
