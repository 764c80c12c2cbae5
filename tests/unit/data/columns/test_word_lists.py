import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain._base import DataError
from cotrain.data.columns._word_lists import best_split, json_lists, word_lists


@given(st.lists(st.none() | st.lists(st.none() | st.text(max_size=4), max_size=4), max_size=8))
def test_a_list_spelled_as_json_is_that_list(rows) -> None:
    text = pl.Series("t", [None if row is None else json.dumps(row) for row in rows], dtype=pl.String)
    assert word_lists(text).to_list() == rows


@pytest.mark.parametrize("text", ["[sic]", "[1, 2]", '["a", 1]', '["a"', "[x]", '["a"] b'])
def test_what_only_begins_like_a_list_is_text(text) -> None:
    assert json_lists(pl.Series([text])) is None
    assert word_lists(pl.Series([text, '["b c"]'])).to_list() == [text.split(), ["b c"]]


def test_lists_of_other_values_are_words_as_they_are_spelled() -> None:
    assert word_lists(pl.Series([[1, 2], None])).to_list() == [["1", "2"], None]
    assert word_lists(pl.Series([["a"], ["b"]], dtype=pl.Array(pl.String, 1))).to_list() == [["a"], ["b"]]
    assert word_lists(pl.Series([1, None])).to_list() == [["1"], None]
    with pytest.raises(DataError, match="cannot be read as text"):
        word_lists(pl.Series([{"a": 1}]))


def test_words_are_cut_at_marks_and_in_scripts_without_spaces_at_every_character() -> None:
    text = pl.Series(["rock-n-roll, isn't it?", "在台北101", None, " \t"])
    assert word_lists(text, "words").to_list() == [
        ["rock-n-roll", ",", "isn't", "it", "?"], ["在", "台", "北", "101"], None, None,
    ]  # fmt: skip


def test_texts_that_were_cut_before_are_cut_at_spaces_alone() -> None:
    assert best_split(pl.Series(["he said .", "3.5 points", None])) == "spaces"
    assert best_split(pl.Series(["He said.", "so it is", "a", "b", "c"])) == "words"
    assert best_split(pl.Series(["看 电影", "很 好"])) == "spaces"
    assert best_split(pl.Series(["看电影", "很 好"])) == "words"
    assert best_split(pl.Series([["a."]])) == best_split(pl.Series(['["a. b"]', None])) == "spaces"
    assert best_split(pl.Series([None], dtype=pl.String)) == "spaces"
