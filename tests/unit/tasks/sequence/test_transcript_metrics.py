"""Error rates, held against the recursive definition."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain.tasks.sequence._transcript_metrics import edit_distance, transcript_metrics, transcript_record

texts = st.text("ab ", max_size=8)


def literally(said: str, true: str) -> int:
    @cache
    def distance(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        same = distance(i - 1, j - 1) + (said[i - 1] != true[j - 1])
        return min(same, distance(i - 1, j) + 1, distance(i, j - 1) + 1)

    return distance(len(said), len(true))


@given(said=texts, true=texts)
def test_equals_the_recursive_definition(said: str, true: str):
    assert edit_distance(said, true) == literally(said, true) == edit_distance(true, said)


@given(one=texts, two=texts, three=texts)
def test_is_a_distance(one: str, two: str, three: str):
    assert edit_distance(one, one) == 0
    assert edit_distance(one, three) <= edit_distance(one, two) + edit_distance(two, three)


def text_of(row: np.ndarray) -> str:
    return "".join("-abcd"[int(number)] for number in row if number)


def rates(said: list[str], true: list[str | None]) -> list[float]:
    return [metric.value(transcript_record(said, true)) for metric in transcript_metrics(text_of)]


def test_rates_divide_sums_over_all_rows():
    said = ["one two three", "six", "", "nine"]
    true = ["one too three", "six six", "four", None]
    wer, cer, match = rates(said, true)
    assert wer == pytest.approx(3 / 6)
    assert cer == pytest.approx((1 + 4 + 4) / (13 + 7 + 4))
    assert match == 0.0


def test_runs_of_blanks_count_as_one():
    assert rates(["  one   two "], ["one two"]) == [0.0, 0.0, 1.0]


def test_an_empty_text_is_a_label_and_a_missing_one_is_none():
    assert rates([""], [""]) == [0.0, 0.0, 1.0]
    assert rates(["noise"], [""]) == [1.0, 1.0, 0.0]
    assert rates(["noise", "one"], ["", "one"])[0] == 1.0
    assert all(math.isnan(value) for value in rates(["one"], [None]))
    assert all(math.isnan(value) for value in rates([], []))


def test_more_words_than_were_said_can_cost_more_than_one():
    assert rates(["a b c"], ["d"])[0] == 3.0


def test_records_of_arrays_follow_the_mask():
    said, true = np.array([[1, 0], [2, 0]]), np.array([[1], [3]])
    metric = transcript_metrics(text_of)[0]
    assert metric.compute(said, true, np.array([[True], [True]])) == 0.5
    assert metric.compute(said, true, np.array([[True], [False]])) == 0.0
