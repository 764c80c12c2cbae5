"""A kind of task of a user's own, with a class for every word: fit, evaluate, predict."""

from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest
import torch
from torch import nn
from torch.nn import functional

import cotrain as ct
from cotrain._base._ragged import Ragged
from cotrain.comparison import train_run
from cotrain.cotraining import Committee, CoTraining
from cotrain.learner import Configuration
from cotrain.reporting import report_of_folder
from cotrain.tasks import ClassTargets, EntryLabelling, Metric, Task
from cotrain.training import Logger

WORDS = [["the", "dog", "ran"], ["a", "cat", "sat", "down"], ["the", "cat"], ["dog", "and", "cat", "ran"]]


class Nouns(Task):
    """Whether each word is a noun: lists of true and false."""

    target_kind, reads = ClassTargets(), "positions"
    n_outputs, labels, parts = 2, ["noun"], ["no", "yes"]

    def fit_columns(self, frame): ...
    def load_state_dict(self, state): ...
    def state_dict(self):
        return {}

    def encode_columns(self, frame):
        rows = [torch.tensor(cell or [], dtype=torch.int64) for cell in frame[self.columns[0]].to_list()]
        targets = Ragged.from_rows(rows)
        return targets, targets.map(lambda values: torch.ones_like(values, dtype=torch.bool))

    def unseen(self, frame):
        return {}

    def output_layer(self, width):
        return nn.Linear(width, 2)

    def losses(self, output, target):
        return functional.cross_entropy(output.movedim(-1, 1), target, reduction="none")

    def reference_output(self, targets, mask):
        return torch.bincount(targets.values[mask.values > 0], minlength=2).add(1).float().log()

    def scores(self, output):
        return output.softmax(dim=-1)

    def original(self, targets):
        return targets

    def pseudo_label(self, output):
        return output.map(lambda values: values.argmax(dim=-1))

    def confidence(self, output):
        return output.map(lambda values: self.scores(values).amax(dim=-1))

    def entry_labelling(self):
        return EntryLabelling(["no", "yes"], lambda output: output.map(self.scores))

    def predict(self, output):
        return {self.name: [row.bool().tolist() for row in self.pseudo_label(output)]}

    def available_metrics(self):
        def record(scores, targets, mask):
            right = (scores.argmax(axis=-1) == targets) & mask
            return np.stack([right.sum(axis=1), mask.sum(axis=1)], axis=1).astype(float)

        return [
            Metric(
                "accuracy", "max", record, lambda records: float(records[:, 0].sum() / records[:, 1].sum())
            )
        ]

    def default_metrics(self):
        return ["accuracy"]


def table() -> pl.DataFrame:
    """Sentences of which every fifth has no labels; no two are the same."""
    words = [[*WORDS[i % 4], str(i)] for i in range(48)]
    nouns = [[word in ("dog", "cat") for word in row] for row in words]
    frame = pl.DataFrame({"words": words, "noun": nouns})
    return frame.with_columns(noun=pl.when(pl.int_range(48) % 5 != 4).then("noun"))


def learner(epochs: int = 12, **options) -> ct.Learner:
    training = ct.Training(epochs=epochs, batch_size=8)
    return ct.Learner([Nouns("noun")], columns={"words": "words"}, training=training, **options)


def test_a_kind_of_ones_own_learns_and_answers():
    made = learner().fit(table(), validation=0.25, progress=False)
    assert made.evaluate(table()).value("noun", "accuracy") > 0.9
    predicted = made.predict(table())["noun"].to_list()
    assert [len(row) for row in predicted] == [len(row) for row in table()["words"].to_list()]


def test_its_words_are_labelled_by_co_training_and_reported(tmp_path):
    settings = CoTraining(Committee(2), 1, updates=30, margin=0.0, min_labels=0)
    made = learner(4, cotraining=settings)
    table().write_parquet(tmp_path / "table.parquet")
    configuration = Configuration.from_config(made.config() | {"data": str(tmp_path / "table.parquet")})
    train_run(configuration, tmp_path / "run", progress=False)
    made = ct.Learner.load(tmp_path / "run", trust=True)
    round_ = json.loads((tmp_path / "run" / "cotraining.json").read_text())["rounds"][0]["tasks"]["noun"]
    assert 0 < round_["accepted"] <= table().filter(pl.col("noun").is_null())["words"].list.len().sum()
    assert set(round_["per_class"]) == {"no", "yes"}
    assert made.evaluate(table()).value("noun", "accuracy") > 0.5
    assert "pseudo-labels" in report_of_folder(tmp_path / "run")


class Stopped(Exception):
    """As if the machine had gone down."""


class StopsInRound(Logger):
    def round(self, record, lines):
        raise Stopped


def test_stopped_in_a_round_and_resumed_it_ends_to_the_bit_as_if_it_never_was(tmp_path):
    settings = CoTraining(Committee(2), 2, updates=30, margin=0.0, min_labels=0)

    def fit(run, **options):
        return learner(4, cotraining=settings).fit(
            table(), validation=0.25, run=tmp_path / run, progress=False, **options
        )

    whole = fit("whole")
    with pytest.raises(Stopped):
        fit("cut", loggers=[StopsInRound()])
    again = fit("cut", resume=True)
    assert again.predict(table()).equals(whole.predict(table()))
    for name in ("cotraining.json", "model.safetensors"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
