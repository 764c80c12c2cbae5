"""What a fit keeps, in which order, and whom it tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain._base import DataError, InvalidArgumentError
from cotrain.cotraining import Committee, CoTraining
from cotrain.learner._fitting import FitOptions
from cotrain.training import Examples, Logger, Reconstruction


def table(n: int = 90) -> pl.DataFrame:
    x = np.random.default_rng(0).normal(size=n)
    return pl.DataFrame(
        {"x": x, "y": [("p" if v > 0 else "q") if i % 3 else None for i, v in enumerate(x)], "z": 2 * x}
    )


def learner(**options: Any) -> ct.Learner:
    return ct.Learner(
        [ct.tasks.Binary("y"), ct.tasks.Regression("z")],
        encoder=ct.networks.TableEncoder(width=4, depth=0),
        training=ct.Training(epochs=4, batch_size=32, learning_rate=0.02),
        **options,
    )


def failing(*_: Any, **__: Any) -> Any:
    """Fail, as a calibration of the user's own may."""
    raise ZeroDivisionError("in the calibration")


class Everything(Logger):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.rounds: list[Mapping[str, Any]] = []

    def epoch(self, record: Mapping[str, Any]) -> None:
        self.heard.append("epoch")

    def finish(self) -> None:
        self.heard.append("finish")

    def round(self, record, lines) -> None:
        self.heard.append("round")
        self.rounds.append(record)
        assert all(isinstance(line, str) for line in lines)

    def message(self, text: str) -> None:
        self.heard.append("message")


def test_what_fails_after_the_training_does_not_lose_it(tmp_path, monkeypatch):
    monkeypatch.setattr("cotrain.learner._confidence.fit_temperatures", failing)
    model = learner()
    with pytest.raises(ZeroDivisionError):
        model.fit(table(), 0.2, run=tmp_path / "run", progress=False)
    assert ct.Learner.load(tmp_path / "run").predict(table()).equals(model.predict(table()))


def test_a_logger_of_the_users_own_hears_the_rounds_of_co_training(tmp_path):
    logger = Everything()
    settings = CoTraining(Committee(2), max_rounds=2, updates=20)
    frame = table(400)
    learner(cotraining=settings).fit(frame, 0.3, run=tmp_path / "run", progress=False, loggers=[logger])
    assert logger.heard.count("round") == len(logger.rounds) >= 1
    assert logger.heard.index("finish") < logger.heard.index("round") < logger.heard.index("message")
    kept = (tmp_path / "run" / "history.jsonl").read_text().count('"cotraining"')
    assert kept == len(logger.rounds)


def test_a_logger_may_have_only_the_methods_that_it_cares_for():
    class Epochs:
        def __init__(self):
            self.heard = []

        def epoch(self, record):
            self.heard.append(record["epoch"])

    logger = Epochs()
    learner().fit(table(), 0.2, progress=False, loggers=[logger])
    assert logger.heard == [0, 1, 2, 3]


def test_what_is_no_logger_at_all_is_refused():
    with pytest.raises(InvalidArgumentError, match="has none of start, step, epoch"):
        learner().fit(table(), 0.2, progress=False, loggers=[3])


def test_there_must_be_something_to_resume():
    with pytest.raises(InvalidArgumentError, match=r"needs run=\.\.\."):
        FitOptions(resume=True)


def chain_table(n: int = 200) -> pl.DataFrame:
    generator = np.random.default_rng(0)
    x = generator.normal(size=n)
    click = (x + generator.normal(size=n) > 0).astype(int)
    return pl.DataFrame({"x": x, "click": click, "buy": click * (generator.random(n) < 0.5)})


def chain_learner() -> ct.Learner:
    return ct.Learner(
        [ct.tasks.Binary("click"), ct.tasks.Binary("buy")],
        encoder=ct.networks.TableEncoder(width=4, depth=0),
        output_space=ct.networks.ESMM(["click", "buy"]),
        training=ct.Training(epochs=2, batch_size=32),
    )


def test_a_label_that_the_chain_implies_is_as_good_as_given():
    full = chain_table()
    open_ = full.with_columns(pl.when(pl.col("click") == 1).then(pl.col("buy")).alias("buy"))
    answers = []
    for frame in (full, open_):
        # The same rows train: a share of rows would be drawn by their labels.
        fitted = chain_learner().fit(frame[:150], frame[150:], progress=False)
        answers.append((fitted.predict(full), fitted.evaluate(frame[150:]).to_dicts()))
    assert answers[0][0].equals(answers[1][0])
    assert answers[0][1] == answers[1][1]


def test_an_event_without_the_one_before_it_is_told():
    frame = chain_table().with_columns(click=pl.when(pl.int_range(pl.len()) < 3).then(0).otherwise("click"))
    frame = frame.with_columns(buy=pl.when(pl.int_range(pl.len()) < 3).then(1).otherwise("buy"))
    with pytest.raises(DataError, match="3 rows have 'buy' without 'click'"):
        chain_learner().fit(frame, None, progress=False)


@pytest.mark.parametrize(
    ("balancer", "counts"), [(None, True), (ct.balancing.UPGrad(), True), (ct.balancing.UnitNorm(), False)]
)
def test_the_weight_of_a_task_counts_or_the_fit_says_that_it_does_not(balancer, counts):
    answers, said = [], []

    class Listening(Logger):
        def message(self, text: str) -> None:
            said.append(text)

    for weight in (1.0, 100.0):
        model = ct.Learner(
            [ct.tasks.Binary("y"), ct.tasks.Regression("z", weight=weight)],
            encoder=ct.networks.TableEncoder(width=4, depth=0),
            training=ct.Training(epochs=2, batch_size=32),
            balancer=balancer,
        )
        answers.append(model.fit(table(), 0.2, progress=False, loggers=[Listening()]).predict(table()))
    if counts:
        assert not answers[0].equals(answers[1])
        assert not said
    else:
        assert len(said) == 1
        assert "weight of z (100) does nothing" in said[0]
        assert "preference" in said[0]


class Images(torch.utils.data.Dataset):
    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> dict[str, Any]:
        return {"image": torch.full((1, 8, 8), index / 40), "y": index % 2}


def test_positions_are_refused_where_the_encoder_gives_none():
    class Positions(ct.tasks.Binary):
        reads = "positions"

    with pytest.raises(
        InvalidArgumentError, match=r"TableEncoder gives one vector per row, .*'y' \(Positions\)"
    ):
        ct.Learner([Positions("y")], encoder=ct.networks.TableEncoder())
    ct.Learner([Positions("y")], encoder=ct.networks.Transformer())
    with pytest.raises(InvalidArgumentError, match="pooling='maen'.*did you mean 'mean'"):
        ct.Learner([ct.tasks.Binary("y")], pooling="maen")


@pytest.mark.parametrize("pooling", ["max", "attention"])
def test_pooling_is_refused_where_nothing_is_pooled(pooling):
    for encoder in (ct.networks.TableEncoder(width=4), ct.networks.TabM(width=4, members=2)):
        made = ct.Learner([ct.tasks.Binary("y")], encoder=encoder, pooling=pooling)
        with pytest.raises(
            InvalidArgumentError, match=rf"pooling: '{pooling}' .* {type(encoder).__name__} gives one vector"
        ):
            made.fit(table(), progress=False)
    words = table().with_columns(x=pl.lit("a b"))
    options = {"columns": {"x": "words"}, "training": ct.Training(epochs=1), "pooling": pooling}
    ct.Learner([ct.tasks.Binary("y")], **options).fit(words, progress=False)


def test_what_a_head_cannot_read_is_refused():
    # What a network of the user's own gives is known when it is built.
    encoder = ct.networks.Wrap(torch.nn.Conv2d(1, 4, 6), key="image", widths=[3])
    with pytest.raises(InvalidArgumentError, match=r"does not run on a row of this data .*widths"):
        ct.Learner([ct.tasks.Binary("y")], encoder=encoder).fit(Images(), None, progress=False)


def test_rows_are_hashed_for_a_checkpoint_only(tmp_path, monkeypatch):
    hashed = []
    real = Examples.fingerprint
    monkeypatch.setattr(Examples, "fingerprint", lambda self: hashed.append(1) or real(self))
    settings = CoTraining(Committee(2), max_rounds=2, updates=20)
    learner(cotraining=settings).fit(table(400), 0.3, progress=False)
    assert not hashed
    learner().fit(table(), 0.2, progress=False, run=tmp_path / "run")
    assert hashed


def shifted(n: int, *, by: float) -> pl.DataFrame:
    """Rows without any label, which say that x and z go together in another way."""
    x = np.random.default_rng(1).normal(size=n)
    return pl.DataFrame({"x": x, "w": by * x})


def learning(what: str) -> ct.Learner:
    """A learner that learns from rows without labels, or not."""
    peers = ct.cotraining.SelfTraining(selector=ct.cotraining.Threshold(0.01))
    settings = ct.CoTraining(peers, max_rounds=1, updates=8, margin=0.0, min_labels=0, max_drift=1.0)
    return ct.Learner(
        [ct.tasks.Binary("y")],
        encoder=ct.networks.TableEncoder(width=4, depth=0),
        training=ct.Training(
            epochs=2, batch_size=32, reconstruction=Reconstruction() if what == "reconstruction" else None
        ),
        cotraining=settings if what == "co-training" else None,
    )


@pytest.mark.parametrize(
    ("what", "share"),
    [
        ("nothing", 0.2),
        *((what, share) for what in ("reconstruction", "co-training") for share in (0.2, None)),
    ],
)
def test_rows_without_labels_teach_what_learns_from_them_and_nothing_else(what, share):
    """They lie among the data, or are given beside it: it is the same."""
    x = np.random.default_rng(0).normal(size=(90, 2))
    labelled = pl.DataFrame({"x": x[:, 0], "w": x[:, 1], "y": x[:, 0] > 0})

    def taught(by: float) -> list[torch.Tensor]:
        more = shifted(60, by=by)
        among = pl.concat([labelled, more], how="diagonal")
        ways = [learning(what).fit(among, share, progress=False)]
        if what != "nothing":
            ways.append(learning(what).fit(labelled, share, unlabelled=more, progress=False))
        return [torch.cat([w.flatten() for w in one.fitted.networks.weights[0].values()]) for one in ways]

    one, other = taught(1.0), taught(5.0)
    for first, second in zip(one, other, strict=True):
        assert torch.equal(first, second) == (what == "nothing")
    assert all(torch.equal(one[0], way) for way in one)


def test_further_rows_without_labels_are_refused_where_nothing_learns_from_them():
    with pytest.raises(InvalidArgumentError, match="nothing here learns from rows without labels"):
        learner().fit(table(), unlabelled=shifted(9, by=1.0), progress=False)
