"""A column of words through the whole Learner, with other columns beside it and rows that lack it."""

from __future__ import annotations

import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain._base import InvalidArgumentError
from cotrain.learner._run_folder import read_config

GOOD, BAD = ("fine", "great", "lovely"), ("dull", "awful", "poor")


def sentences(n: int = 160) -> pl.DataFrame:
    rows = []
    for i in range(n):
        liked, length = i % 2 == 0, 2 + i % 5
        said = ["the", (GOOD if liked else BAD)[i % 3], *["film", "was", "so", "long"][:length]]
        rows.append(
            {
                "said": None if i % 10 == 9 else said,
                "price": float(i % 7),
                "liked": "yes" if liked else "no",
                "cheap": i % 7 < 3 if i % 3 else None,
            }
        )
    return pl.DataFrame(rows)


def learner(**options) -> ct.Learner:
    tasks = [ct.tasks.Binary("liked"), ct.tasks.Binary("cheap")]
    training = ct.Training(epochs=20, batch_size=16, average=0.5, patience=None)
    return ct.Learner(tasks, columns={"said": "words"}, training=training, **options)


def test_words_and_table_columns_are_learned_together_and_come_back(tmp_path):
    frame = sentences()
    fitted = learner().fit(frame, validation=0.2, run=tmp_path / "run", progress=False)
    assert read_config(tmp_path / "run")["encoder"] == {"kind": "WordEncoder"}
    spoken = frame.filter(pl.col("said").is_not_null())
    found = fitted.predict(frame)
    right = (fitted.predict(spoken)["liked"] == spoken["liked"]).mean()
    assert right > 0.95
    assert (found["cheap"].cast(pl.String) == (frame["price"] < 3).cast(pl.String)).mean() > 0.9
    assert found["liked_probability"].is_finite().all()
    assert ct.Learner.load(tmp_path / "run").predict(frame).equals(found)
    # Whatever stands beside a row in its batch, and however long it is, the row is the same.
    alone = fitted.predict(frame[3:5])
    assert alone["liked_probability"].to_list() == pytest.approx(found["liked_probability"][3:5], abs=1e-5)


@pytest.mark.parametrize("sharing", ["MMoE", "Hierarchical", "LowRank", "CrossStitch"])
def test_other_ways_of_sharing_read_words(sharing):
    made = getattr(ct.networks, sharing)()
    encoder = ct.networks.WordEncoder(16, 2, word_embedding=8, character_embedding=4)
    fitted = learner(sharing=made, encoder=encoder, pooling="attention")
    fitted.fit(sentences(60), validation=0.2, progress=False)
    outputs = fitted.outputs(sentences(5))
    assert all(bool(torch.isfinite(output).all()) for output in outputs.values())


def tagged(n: int = 60) -> pl.DataFrame:
    """Two columns of words; tags of the second, some rows of which are empty."""
    rows = []
    for i in range(n):
        body = ["we", "met", ("Ann", "Bob", "Carl")[i % 3], "there", "today"][: 3 + i % 3]
        rows.append(
            {
                "title": None if i % 4 == 0 else ["news", "of", "late"][: 1 + i % 3],
                "body": None if i % 5 == 4 else body,
                "who": None if i % 5 == 4 else ["B-per" if word[0].isupper() else "O" for word in body],
                "even": i % 2 == 0,
            }
        )
    return pl.DataFrame(rows)


def test_tags_of_one_of_several_columns_and_a_label_of_the_row(tmp_path):
    frame = tagged()
    tasks = [ct.tasks.Tagging("who", spans="BIO", tokens="body"), ct.tasks.Binary("even")]
    training = ct.Training(epochs=30, batch_size=8, average=0.5, patience=None)
    columns = {"title": "words", "body": "words"}
    encoder = ct.networks.WordEncoder(32, word_embedding=16, character_embedding=8)
    fitted = ct.Learner(tasks, columns=columns, training=training, encoder=encoder)
    fitted.fit(frame, validation=0.2, run=tmp_path / "run", progress=False)
    found = fitted.predict(frame)["who"]
    lengths = frame["body"].list.len().fill_null(0)
    assert found.list.len().fill_null(0).to_list() == lengths.to_list()
    spoken = frame["who"].is_not_null()
    assert found.filter(spoken).to_list() == frame["who"].filter(spoken).to_list()
    assert ct.Learner.load(tmp_path / "run").predict(frame)["who"].to_list() == found.to_list()
    with pytest.raises(InvalidArgumentError, match=r"'who' reads the positions .* title, body: say of which"):
        ct.Learner([ct.tasks.Tagging("who")], columns=columns).fit(frame, progress=False)


def test_tags_without_words_are_refused_before_training():
    frame = tagged().with_columns(size=pl.int_range(pl.len()) * 0.5)
    learner = ct.Learner([ct.tasks.Tagging("who")], columns={"title": "drop", "body": "drop"})
    with pytest.raises(InvalidArgumentError, match=r"TableEncoder gives one vector per row, .*'who'"):
        learner.fit(frame, progress=False)
