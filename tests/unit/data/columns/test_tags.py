import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import InvalidArgumentError
from cotrain.data.columns import Tags


def test_frequent_names_have_tokens_and_the_rest_is_hashed() -> None:
    fitted = Tags("t", min_count=2).fit(pl.Series("t", ["a, b", "b,a", "c", None]))
    assert fitted.state["values"] == ["a", "b"]
    tokens = fitted.encode(pl.Series("t", ["a,b", "b , ,", "c", "new", None, " , "])).tokens
    assert tokens.tolist() == [[2, 3], [3, 0], [4, 0], [4, 0], [1, 0], [1, 0]]
    assert fitted.n_tokens == 5


def test_lists_are_tags_without_a_separator() -> None:
    fitted = Tags("t", min_count=1).fit(pl.Series("t", [["a", "b, c"], [], None]))
    assert fitted.encode(pl.Series("t", [["b, c"], ["a"], []])).tokens.tolist() == [[3, 0], [2, 0], [1, 0]]
    numbers = Tags("t", min_count=1).fit(pl.Series("t", [[1, 2], [2]]))
    assert numbers.encode(pl.Series("t", [[2]])).tokens.tolist() == [[3, 0]]


def test_a_text_that_is_a_json_list_is_that_list() -> None:
    lists = pl.Series("t", [["a", "b, c"], ["a"], None])
    text = pl.Series("t", ['["a", "b, c"]', '["a"]', None])
    fitted = Tags("t", min_count=1).fit(text)
    assert fitted.state == Tags("t", min_count=1).fit(lists).state
    assert fitted.encode(text).tokens.tolist() == fitted.encode(lists).tokens.tolist()
    assert fitted.encode_value('["a"]') is None
    assert fitted.encode(pl.Series("t", ["[a], b"])).tokens.shape == (1, 2)


def test_no_more_names_are_read_than_asked_for() -> None:
    fitted = Tags("t", max_tokens=2, min_count=1).fit(pl.Series("t", ["a,b,c,d"]))
    assert fitted.encode(pl.Series("t", ["d,c,b,a"])).tokens.tolist() == [[5, 4]]


def test_hashing_is_the_same_in_every_process() -> None:
    names = ",".join(f"name{i}" for i in range(500))
    fitted = Tags("t", min_count=2).fit(pl.Series("t", [names]))
    assert fitted.state["buckets"] == 64
    assert fitted.encode(pl.Series("t", ["name0,name1,name2"])).tokens[0, :3].tolist() == [19, 23, 29]


def test_refuses_options_out_of_range() -> None:
    for options in ({"min_count": 0}, {"max_values": 0}, {"max_tokens": 0}, {"separator": ""}):
        with pytest.raises(InvalidArgumentError, match="got|expected at least"):
            Tags("t", **options)  # type: ignore[arg-type]


@settings(max_examples=100)
@given(
    train=st.lists(st.none() | st.text("ab, é", max_size=12), min_size=1, max_size=20),
    new=st.lists(st.none() | st.text("abc, é", max_size=12), max_size=10),
)
def test_any_text_gives_tokens_in_range_and_survives_saving(train: list, new: list) -> None:
    fitted = Tags("t").fit(pl.Series("t", train, dtype=pl.String))
    again = Tags.from_json(json.loads(json.dumps(fitted.to_json())))
    values = pl.Series("t", new, dtype=pl.String)
    tokens = fitted.encode(values).tokens
    assert tokens.shape[0] == len(new)
    assert tokens.max(initial=0) < fitted.n_tokens
    assert (tokens[:, 0] > 0).all()
    assert np.array_equal(tokens, again.encode(values).tokens)
