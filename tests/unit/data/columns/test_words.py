import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import DataError, InvalidArgumentError
from cotrain.data.columns import Words

TRAIN = [["The", "cat", "sat"], ["the", "Dog", "sat", "."], None, [], ["A", None, "cat"]]


def series(rows: list) -> pl.Series:
    return pl.Series("w", rows, dtype=pl.List(pl.String))


def literal(column: Words, rows: list) -> tuple[list, list, list]:
    """Numbers by a loop over rows, words and characters."""
    state, lengths, words, letters = column.state, [], [], []
    for row in rows:
        row = (row or [])[: column.max_words]
        lengths.append(len(row))
        for word in row:
            word = word or ""
            lower = word.lower()
            words.append(2 + state["values"].index(lower) if lower in state["values"] else 1)
            half = column.characters // 2
            read = word
            if len(word) > column.characters:
                read = word[: column.characters - half] + (word[-half:] if half else "")
            line = [0] * column.characters
            for place, letter in enumerate(read):
                line[place] = 2 + state["characters"].index(letter) if letter in state["characters"] else 1
            if not read and column.characters:
                line[0] = 1
            letters.append(line)
    return lengths, words, letters


def test_frequent_words_have_numbers_and_all_others_share_one() -> None:
    fitted = Words("w").fit(series(TRAIN))
    assert fitted.state["values"] == ["cat", "sat", "the"]
    assert fitted.n_words == 5
    parts = fitted.encode(series([["THE", "bird"], [], None, ["sat", None, ""]]))
    assert parts.lengths.tolist() == [2, 0, 0, 3]
    assert parts.words.tolist() == [4, 1, 3, 1, 1]
    # Capitals are kept by the characters, and a word of none has one that nobody knows.
    assert parts.characters[0].tolist() != fitted.encode(series([["the"]])).characters[0].tolist()
    assert parts.characters[-1].tolist() == parts.characters[-2].tolist() == [1, *[0] * 15]
    assert (parts.words.dtype, parts.characters.dtype) == (np.int64, np.int32)


tokens = st.lists(st.none() | st.text("aAbB é.中İß", max_size=6), max_size=6)


@settings(max_examples=150)
@given(
    st.lists(st.none() | tokens, min_size=1, max_size=12),
    st.lists(st.none() | tokens, max_size=8),
    st.integers(0, 5),
    st.integers(1, 4),
)
def test_numbers_equal_those_of_a_loop_and_survive_saving(train, new, characters, max_words) -> None:
    fitted = Words("w", min_count=1, characters=characters, max_words=max_words).fit(series(train))
    again = Words.from_json(json.loads(json.dumps(fitted.to_json())))
    for rows in (train, new):
        lengths, words, letters = literal(fitted, rows)
        for column in (fitted, again):
            parts = column.encode(series(rows))
            assert parts.lengths.tolist() == lengths
            assert parts.words.tolist() == words
            if characters:
                assert parts.characters.tolist() == letters
                assert parts.characters.max(initial=0) < column.n_characters
            else:
                assert parts.characters is None
                assert column.n_characters == 0
            assert parts.words.max(initial=0) < column.n_words
    for row in new:
        alone, of_table = fitted.encode(series([row])), fitted.encode_list(row) if row is not None else None
        if of_table is not None:
            assert alone.words.tolist() == of_table.words.tolist()


def test_the_order_of_the_training_rows_changes_no_number() -> None:
    rows = [[f"w{i % 7}", f"W{i % 5}", "x"] for i in range(40)]
    first = Words("w", max_values=4).fit(series(rows))
    second = Words("w", max_values=4).fit(series(rows[::-1]))
    assert first.state == second.state
    assert len(first.state["values"]) == 4


def test_long_words_keep_their_ends_and_long_rows_their_beginning() -> None:
    fitted = Words("w", min_count=1, characters=4, max_words=2).fit(series([list("abcdefg"), ["x"]]))
    assert fitted.cut == 1
    parts = fitted.encode(series([["abxxxfg", "c", "d"]]))
    assert parts.lengths.tolist() == [2]
    assert parts.characters[0].tolist() == [fitted.encode_list([c]).characters[0, 0] for c in "abfg"]


def test_lists_json_and_texts_are_the_same_words() -> None:
    rows = [["Play", "jazz", "."], ["no", '"x"', "中文"], [], None]
    lists = Words("w", min_count=1).fit(series(rows))
    as_json = pl.Series("w", [None if r is None else json.dumps(r, ensure_ascii=False) for r in rows])
    spaced = pl.Series("w", ["  ".join(r) if r else None for r in rows])
    want = lists.encode(series(rows))
    for values in (as_json, spaced, pl.Series("w", rows), series(rows).cast(pl.List(pl.Categorical))):
        assert Words("w", min_count=1).fit(values).state == lists.state
        parts = lists.encode(values)
        assert parts.lengths.tolist() == want.lengths.tolist()
        assert parts.words.tolist() == want.words.tolist()
        assert parts.characters.tolist() == want.characters.tolist()


def test_marks_that_hang_on_words_are_cut_off_where_texts_are_running() -> None:
    running = pl.Series("w", ["Well, it rains.", "Don't go!", "我喜欢你", None])
    fitted = Words("w", min_count=1).fit(running)
    assert fitted.state["split"] == "words"
    assert fitted.encode(running).lengths.tolist() == [5, 3, 4, 0]
    assert Words("w", split="spaces").fit(running).encode(running).lengths.tolist() == [3, 2, 1, 0]
    value = "Well, go!"
    assert fitted.encode_value(value).words.tolist() == fitted.encode(pl.Series("w", [value])).words.tolist()
    assert fitted.encode_value(3.5) is None
    assert fitted.encode_value(None).lengths.tolist() == [0]


def test_no_words_at_all_are_rows_of_none() -> None:
    for rows in ([None, None], [[], []]):
        fitted = Words("w").fit(series(rows))
        parts = fitted.encode(series(rows))
        assert parts.lengths.tolist() == [0, 0]
        assert (parts.words.shape, parts.characters.shape) == ((0,), (0, 16))


def test_refuses_options_out_of_range_and_what_is_no_words() -> None:
    for options in (
        {"min_count": 0}, {"max_values": 0}, {"characters": -1}, {"max_words": 0}, {"split": "x"},
    ):  # fmt: skip
        with pytest.raises(InvalidArgumentError, match="got|expected"):
            Words("w", **options)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="cannot be read as text"):
        Words("w").fit(pl.Series("w", [[["a"]]]))
    saved = Words("w").fit(series(TRAIN)).to_json()
    saved["state"]["split"] = "letters"
    with pytest.raises(DataError, match="cannot be split by 'letters'"):
        Words.from_json(saved)
