"""What every exported sharing architecture must do inside the Learner, on partly labelled rows."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import yaml

import cotrain as ct
from cotrain.configuration import construct, describe, kinds_of
from cotrain.networks import Sharing

#: Options that differ from the defaults, so that a configuration has something to carry.
OPTIONS = {
    "AITM": {"chain": ["yes", "kind"]},
    "CGC": {"own_experts": {"yes": 1, "kind": 2, "size": 1}},
    "Hierarchical": {"reads": {"yes": 0, "kind": 1, "size": 2}, "lower": "predictions"},
    "MMoE": {"experts": 3, "gate_dropout": 0.1},
    "PLE": {"shared_experts": 1, "levels": 1},
}


def partly_labelled(n_rows: int = 120) -> pl.DataFrame:
    generator = np.random.default_rng(0)
    x = generator.normal(size=(n_rows, 2))
    labels = {
        "yes": np.where(x[:, 0] > 0, "yes", "no"),
        "kind": np.array(["a", "b", "c"])[np.digitize(x[:, 1], [-0.5, 0.5])],
        "size": 2 * x[:, 0] + x[:, 1],
    }
    kept = generator.random((3, n_rows)) < 0.6
    targets = {
        name: [value if keep else None for value, keep in zip(values.tolist(), mask, strict=True)]
        for (name, values), mask in zip(labels.items(), kept, strict=True)
    }
    return pl.DataFrame({"x0": x[:, 0], "x1": x[:, 1], **targets})


def learner_with(sharing: Sharing | None, **arguments) -> ct.Learner:
    return ct.Learner(
        [ct.tasks.Binary("yes"), ct.tasks.Multiclass("kind"), ct.tasks.Regression("size")],
        encoder=ct.networks.TableEncoder(width=8, depth=1),
        sharing=sharing,
        training=ct.Training(epochs=2, batch_size=32),
        **arguments,
    )


@pytest.mark.parametrize(
    ("name", "options"), [*((name, {}) for name in sorted(kinds_of(Sharing))), *OPTIONS.items()]
)
def test_fits_predicts_and_comes_back(name, options, tmp_path):
    frame = partly_labelled()
    learner = learner_with(kinds_of(Sharing)[name](**options))
    learner.fit(frame, validation=0.2, progress=False)
    predictions = learner.predict(frame)
    assert predictions.height == frame.height
    assert not any(predictions[column].is_null().any() for column in predictions.columns)
    learner.save(tmp_path / "run")
    loaded = ct.Learner.load(tmp_path / "run")
    assert loaded.predict(frame).equals(predictions)
    assert describe(loaded.sharing) == describe(learner.sharing)


@pytest.mark.parametrize("name", sorted(kinds_of(Sharing)))
def test_survives_a_configuration_file(name):
    plain = {"kind": name, **OPTIONS.get(name, {})}
    sharing = construct(Sharing, yaml.safe_load(yaml.safe_dump(plain)), "sharing")
    assert describe(sharing) == plain


def test_epochs_tell_how_the_experts_fare():
    frame = partly_labelled()
    learner = learner_with(ct.networks.MMoE(experts=2)).fit(frame, validation=0.2, progress=False)
    history = learner.fitted_result.history
    assert [record["epoch"] for record in history if record["health"]["sentence"]] == [0, 1]
    for record in history:
        loads = [expert["load"] for expert in record["health"]["records"]]
        assert sum(loads) == pytest.approx(1)
    plain = learner_with(None).fit(frame, validation=0.2, progress=False)
    assert all("health" not in record for record in plain.fitted_result.history)
    assert learner.fitted_result.health
    assert not plain.fitted_result.health
