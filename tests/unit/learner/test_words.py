"""A column of words through the whole Learner, with other columns beside it and rows that lack it."""

from __future__ import annotations

import polars as pl
import pytest
import torch

import cotrain as ct
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
    encoder = ct.networks.WordEncoder(16, 2, word_embedding=8)
    fitted = learner(sharing=made, encoder=encoder, pooling="attention")
    fitted.fit(sentences(60), validation=0.2, progress=False)
    outputs = fitted.outputs(sentences(5))
    assert all(bool(torch.isfinite(output).all()) for output in outputs.values())
