"""A row has as many tags as words, however these are written."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain._base import DataError
from cotrain.data.columns import Number, Subwords, Words

ROWS = [["Anna", "is", "in", "Rome"], ["Rome", "is", "far"], ["no"], ["Bob", "ran"]] * 4
TAGS = [["B-x" if word[0].isupper() else "O" for word in row] for row in ROWS]
WRITTEN: dict[str, Any] = {
    "lists": lambda rows: rows,
    "JSON": lambda rows: [row if row is None else json.dumps(row) for row in rows],
    "text": lambda rows: [row if row is None else " ".join(row) for row in rows],
}


def learner(**options: Any) -> ct.Learner:
    return ct.Learner(
        [ct.tasks.Tagging("ner", spans="BIO", **options)],
        columns={"words": {"kind": "words", "max_words": 3}},
        encoder=ct.networks.WordEncoder(width=8, word_embedding=4, character_embedding=4),
        training=ct.Training(epochs=1, batch_size=8),
    )


def table(form: str, tags: Any = TAGS, words: Any = ROWS) -> pl.DataFrame:
    return pl.DataFrame({"words": WRITTEN[form](words), "ner": tags})


@pytest.mark.parametrize("options", [{}, {"tokens": "words"}])
@pytest.mark.parametrize("form", sorted(WRITTEN))
@pytest.mark.parametrize("change", [lambda row: [*row, "O"], lambda row: row[:-1]])
def test_another_number_of_tags_than_words_is_refused_in_training_and_later(form, options, change):
    wrong = [change(row) if i % 4 == 1 else row for i, row in enumerate(TAGS)]
    n = len(wrong[1])
    with pytest.raises(DataError, match=rf"row 1 has {n} \w+ in 'ner' for 3 words in 'words', and 3 more"):
        learner(**options).fit(table(form, wrong), validation=None, progress=False)
    made = learner(**options).fit(table(form), validation=None, progress=False)
    with pytest.raises(DataError, match=rf"row 1 has {n} \w+ in 'ner' for 3 words in 'words'"):
        made.evaluate(table(form, wrong))


@pytest.mark.parametrize("form", sorted(WRITTEN))
def test_rows_without_a_tag_and_words_that_are_not_read_are_no_fault(form):
    tags = [None if i % 4 == 0 else [None] * 9 if i % 4 == 2 else row for i, row in enumerate(TAGS)]
    made = learner().fit(table(form, tags), validation=None, progress=False)
    # Of four words three are read, as max_words says.
    assert made.evaluate(table(form)).tasks == ["ner"]


def test_a_text_whose_marks_were_split_off_is_not_tagged_word_by_word():
    texts = ["Anna is here, now.", "Who ran? Bob."] * 8
    tags = [["B-x", "O", "O", "O"], ["O", "O", "B-x"]] * 8
    frame = pl.DataFrame({"words": texts, "ner": tags})
    with pytest.raises(DataError, match="row 0 has 4 entries .* for 6 words .*split: spaces") as caught:
        learner().fit(frame, validation=None, progress=False)
    assert "\n" not in str(caught.value)
    spaced = learner()
    spaced.columns = {"words": {"kind": "words", "split": "spaces"}}
    assert len(spaced.fit(frame, validation=None, progress=False).predict(frame)["ner"][0]) == 4


def test_columns_of_words_count_them_whether_read_or_not(make_pretrained: Any):
    texts = pl.Series("words", ["Anna ran", None, "", "a b c d"])
    column = Words("words", max_words=2).fit(texts)
    assert column.word_counts(texts).tolist() == [2, 0, 0, 4]
    assert np.array_equal(column.encode(texts).lengths, np.minimum(column.word_counts(texts), 2))
    folder = make_pretrained()
    subwords = Subwords("words", folder=folder, units="words").fit(texts)
    assert subwords.word_counts(texts).tolist() == [2, 0, 0, 4]
    assert Subwords("words", folder=folder).fit(texts).word_counts(texts) is None
    assert Number("x").word_counts(pl.Series("x", [1.0])) is None
