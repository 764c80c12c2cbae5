"""A batched ensemble as the encoder of a learner: every kind of task of a table, labels missing."""

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain._base import InvalidArgumentError
from cotrain.networks import CGC, ESMM, HardSharing, TabM


def table(n=60):
    x = np.linspace(-1, 1, n)
    rows = {
        "x": x,
        "w": ["ab"[i % 2] for i in range(n)],
        "y": x,
        "q": 2 * x,
        "b": x > 0,
        "c": ["low" if v < -0.3 else "high" if v > 0.3 else "mid" for v in x],
        "l": [1 + (v > -0.3) + (v > 0.3) for v in x],
        "one": (x > 0.5).astype(int),
        "two": (x < 0).astype(int),
    }
    frame = pl.DataFrame(rows)
    gaps = {name: frame[name].scatter(list(range(k, n, 3)), None) for k, name in enumerate("yqb")}
    return frame.with_columns(**gaps)


def learner(sharing=None, **options):
    tasks = [
        ct.tasks.Regression("y"),
        ct.tasks.Regression("q", quantiles=[0.1, 0.5, 0.9]),
        ct.tasks.Binary("b"),
        ct.tasks.Multiclass("c"),
        ct.tasks.Ordinal("l"),
        ct.tasks.Multilabel("flags", columns=["one", "two"]),
    ]
    training = ct.Training(epochs=3, batch_size=16, learning_rate=0.02)
    return ct.Learner(tasks, encoder=TabM(8, 1, members=3), sharing=sharing, training=training, **options)


@pytest.mark.parametrize("sharing", [None, HardSharing(), CGC()])
def test_every_kind_of_task_is_learned_and_a_run_is_read_again(tmp_path, sharing):
    frame = table()
    made = learner(sharing)
    made.fit(frame, validation=0.2, progress=False, run=tmp_path / "run")
    said = made.predict(frame)
    assert said.height == frame.height
    assert ct.Learner.load(tmp_path / "run").predict(frame).equals(said)
    assert made.predict(frame[:1]).height == 1


def test_hidden_layers_of_heads_and_one_task():
    made = ct.Learner([ct.tasks.Binary("b")], encoder=TabM(8, 1, members=2), head=(4,))
    made.training = ct.Training(epochs=2)
    made.fit(table().drop("two"), progress=False)
    assert made.predict(table())["b"].null_count() == 0


def test_an_output_space_is_each_members():
    frame = table().with_columns(two=(pl.col("x") > 0.7).cast(int))
    made = ct.Learner(
        [ct.tasks.Binary("one"), ct.tasks.Binary("two")],
        encoder=TabM(8, 1, members=2),
        output_space=ESMM(["one", "two"]),
        training=ct.Training(epochs=3, batch_size=16),
    )
    made.fit(frame, progress=False)
    said = made.predict(frame)
    assert (said["two_probability"] <= said["one_probability"] + 1e-6).all()


def test_a_task_of_positions_is_refused():
    with pytest.raises(InvalidArgumentError, match="TabM gives one vector per row"):
        ct.Learner([ct.tasks.Tagging("t")], encoder=TabM(8, 1, members=2), columns={"x": "words"})
