from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

from cotrain.data import Schema, TermMatrix
from cotrain.data import _term_matrix as module

TEXTS = ["The third man", "the birds, the birds!", None, "", "Man of the third kind", "birds of a nest"] * 20
KINDS = {"text": "text", "names": "tags", "tokens": "words", "year": "number"}


def table(n: int = 120) -> pl.DataFrame:
    lists = [None if text is None else re.findall(r"\w+", text) for text in TEXTS[:n]]
    return pl.DataFrame(
        {
            "text": TEXTS[:n],
            "names": [None if one is None else ",".join(one) for one in lists],
            "tokens": pl.Series(lists, dtype=pl.List(pl.String)),
            "year": range(n),
        }
    )


def schema_of(frame: pl.DataFrame, *columns: str) -> Schema:
    chosen = {name: kind if name in columns else "drop" for name, kind in KINDS.items()}
    return Schema.infer(frame, overrides=chosen).fit(frame)


@pytest.mark.parametrize("column", ["text", "tokens"])
def test_is_the_tf_idf_of_scikit_learn(column: str) -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    frame = table()
    vectorizer = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, token_pattern=r"\w+")
    expected = vectorizer.fit_transform([text or "" for text in TEXTS]).toarray()
    found = TermMatrix(schema_of(frame, column)).fit(frame).transform(frame).toarray()
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_tags_have_no_neighbours_and_columns_stand_beside_one_another() -> None:
    frame = table()
    widths = {
        name: TermMatrix(schema_of(frame, name)).fit(frame).transform(frame).shape[1]
        for name in ("text", "names", "tokens")
    }
    assert widths["names"] == len({word for text in TEXTS if text for word in re.findall(r"\w+", text)})
    every = TermMatrix(schema_of(frame, "text", "names", "tokens", "year")).fit(frame)
    assert every.columns == ["text", "names", "tokens"]
    assert every.transform(frame).shape == (120, sum(widths.values()))


def test_new_words_and_empty_rows_are_zeros_and_no_row_is_wanted() -> None:
    frame = table()
    matrix = TermMatrix(schema_of(frame, "text")).fit(frame)
    new = pl.DataFrame({"text": ["nothing known", None, "birds"]}, schema={"text": pl.String})
    assert (matrix.transform(new).toarray() > 0).any(axis=1).tolist() == [False, False, True]
    assert matrix.transform(new[:0]).shape[0] == 0
    without = TermMatrix(schema_of(frame, "year")).fit(frame)
    assert without.transform(frame).shape == (120, 0)
    assert without.columns == []


def test_what_is_looked_at_together_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = table()
    whole = TermMatrix(schema_of(frame, "text", "names")).fit(frame).transform(frame).toarray()
    monkeypatch.setattr(module, "ROWS_AT_A_TIME", 7)
    parts = TermMatrix(schema_of(frame, "text", "names")).fit(frame).transform(frame).toarray()
    np.testing.assert_array_equal(whole, parts)


def test_of_many_rows_a_term_of_one_is_left_out_and_some_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.DataFrame({"text": ["one two"] * 999 + ["three four five"]})
    schema = Schema.infer(frame, overrides={"text": "text"}).fit(frame)
    assert TermMatrix(schema).fit(frame).transform(frame).shape[1] == 3
    monkeypatch.setattr(module, "MOST_TERMS", 2)
    assert TermMatrix(schema).fit(frame).transform(frame).shape[1] == 2


def test_scripts_without_spaces_give_words_and_no_pairs_of_them() -> None:
    frame = pl.DataFrame({"text": ["好电影 great film"] * 20})
    matrix = TermMatrix(Schema.infer(frame, overrides={"text": "text"}).fit(frame)).fit(frame)
    # 好电 电影 好 电 影, great, film, great film
    assert matrix.transform(frame).shape[1] == 8
