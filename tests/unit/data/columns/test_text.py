import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import DataError, InvalidArgumentError
from cotrain.data.columns import Tags, Text
from cotrain.data.columns._tokens import hash_token

TITLES = pl.Series("t", ["The Third Man", "The Birds", "Man on Wire", None, "  "])


def test_case_and_punctuation_do_not_matter() -> None:
    fitted = Text("t").fit(TITLES)
    one, other = (
        fitted.encode(pl.Series("t", [text])).tokens for text in ("The third man", " the--THIRD, man! ")
    )
    assert np.array_equal(one, other)


def test_words_come_before_their_parts() -> None:
    fitted = Text("t").fit(TITLES)
    plain = Text("t", ngram=0, buckets=fitted.state["buckets"]).fit(TITLES)
    tokens = fitted.encode(TITLES).tokens
    words = plain.encode(TITLES).tokens
    assert np.array_equal(tokens[:3, : words.shape[1]][words[:3] > 0], words[:3][words[:3] > 0])
    # "the" has the parts <th, the, he>; "birds" <bi, bir, ird, rds, ds>.
    assert (tokens[1] > 0).sum() == 2 + 3 + 5


def test_a_new_word_shares_parts_with_known_ones() -> None:
    fitted = Text("t", buckets=10**6).fit(TITLES)
    birds, bird = (
        set(fitted.encode(pl.Series("t", [word])).tokens[0].tolist()) for word in ("birds", "bird")
    )
    assert len((birds & bird) - {0}) >= 3


def test_missing_text_is_a_token_of_its_own() -> None:
    tokens = Text("t").fit(TITLES).encode(pl.Series("t", [None, "", "?!"])).tokens
    assert tokens[:, 0].tolist() == [1, 1, 1]
    assert not tokens[:, 1:].any()


def test_long_texts_have_no_parts_and_are_cut() -> None:
    long = pl.Series("t", [" ".join(f"word{i}" for i in range(200))] * 3)
    fitted = Text("t").fit(long)
    assert fitted.state["ngram"] == 0
    assert fitted.encode(long).tokens.shape == (3, 64)


def test_tokens_are_the_same_in_every_process() -> None:
    # Known values, because Python's own hash differs from process to process.
    fitted = Text("t", buckets=1000, ngram=0).fit(pl.Series("t", ["The Third Man"]))
    assert fitted.encode(pl.Series("t", ["Third Birds"])).tokens.tolist() == [[303, 650, 0]]


def test_refuses_options_out_of_range() -> None:
    for options in ({"ngram": -1}, {"max_tokens": 0}, {"buckets": 0}):
        with pytest.raises(InvalidArgumentError, match="expected at least"):
            Text("t", **options)


@settings(max_examples=100)
@given(
    train=st.lists(st.none() | st.text(max_size=20), min_size=1, max_size=10),
    new=st.lists(st.none() | st.text(max_size=20), max_size=10),
)
def test_any_text_gives_tokens_in_range_and_survives_saving(train: list, new: list) -> None:
    fitted = Text("t", buckets=50).fit(pl.Series("t", train, dtype=pl.String))
    again = Text.from_json(json.loads(json.dumps(fitted.to_json())))
    values = pl.Series("t", new, dtype=pl.String)
    tokens = fitted.encode(values).tokens
    assert tokens.shape[0] == len(new)
    assert tokens.max(initial=0) < fitted.n_tokens
    assert (tokens[:, 0] > 0).all()
    assert np.array_equal(tokens, again.encode(values).tokens)


def test_the_hash_is_that_of_the_reference_implementation() -> None:
    # MurmurHash3_x86_32 with seed 0, from the published test vectors.
    for token, value in (("", 0), ("test", 0xBA6BD213), ("Hello, world!", 0xC0363E43)):
        assert hash_token(token, 2**32) == value


def test_longer_texts_have_room_for_all_their_words() -> None:
    generator = np.random.default_rng(0)
    words = [f"word{i}" for i in range(6000)]
    texts = pl.Series("t", [" ".join(generator.choice(words, 20)) for _ in range(2000)])
    fitted = Text("t").fit(texts)
    assert fitted.state["buckets"] == 16384
    short = pl.Series("t", [" ".join(generator.choice(words, 2)) for _ in range(200)])
    assert Text("t", ngram=0).fit(short).state["buckets"] == 256


@pytest.mark.parametrize("kind", [Text, Tags])
def test_tokens_of_another_hash_are_refused(kind: type[Text] | type[Tags]) -> None:
    saved = kind("t").fit(TITLES).to_json()
    assert kind.from_json(saved).n_tokens > 0
    del saved["state"]["hash"]
    with pytest.raises(DataError, match=r"'t' were hashed by an older version, in another way: train again"):
        kind.from_json(saved)
