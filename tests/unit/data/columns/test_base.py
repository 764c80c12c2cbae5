import json

import numpy as np
import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.data.columns import Number
from cotrain.data.columns._base import BINS, Column, Parts, _quantiles


class Rank(Column):
    """The place of a value among the training values."""

    def __init__(self, name, *, reverse=False):
        super().__init__(name)
        self.reverse = reverse

    def learn(self, values):
        return {
            "known": values.drop_nulls().unique().sort(descending=self.reverse).to_list(),
            "n": len(values),
        }

    def settle(self):
        self.cardinalities = (len(self.state["known"]) + 1,)

    def encode(self, values):
        codes = [0 if v not in self.state["known"] else self.state["known"].index(v) + 1 for v in values]
        return Parts(codes=np.array(codes, dtype=np.int64).reshape(-1, 1))


def fitted(**options):
    return Rank("age", **options).fit(pl.Series("age", [30, None, 10, 30]))


def test_sizes_are_those_of_the_state_and_unknown_until_it_is_learned():
    assert Rank("age").cardinalities == ()
    column = fitted()
    assert column.cardinalities == (3,)
    assert column.encode(pl.Series([10, 30, 99])).codes.ravel().tolist() == [1, 2, 0]
    assert column.fit(pl.Series([7])) is column
    assert column.cardinalities == (2,)


def test_what_was_saved_as_json_has_options_state_and_sizes():
    column = fitted(reverse=True)
    again = Rank.from_json(json.loads(json.dumps(column.to_json())))
    assert (again.name, again.reverse, again.cardinalities) == ("age", True, (3,))
    values = pl.Series([10, 30])
    assert again.encode(values).codes.tolist() == column.encode(values).codes.tolist() == [[2], [1]]


def test_a_copy_does_not_share_its_state():
    saved = fitted().to_json()
    again = Rank.from_json(saved)
    again.state["n"] = -5
    assert saved["state"]["n"] == 4


@pytest.mark.parametrize("size", [-1, 5, 2.0, True, "3", None])
def test_a_size_that_was_never_learned_is_damage(size):
    column = fitted()
    assert column.require_size("n", most=4) == 4
    column.state["n"] = size
    with pytest.raises(DataError, match="schema is damaged: n of column 'age' is .*the most is 4"):
        column.require_size("n", most=4)


def test_a_column_that_gives_nothing_has_no_part():
    assert (Parts().numbers, Parts().indicators, Parts().codes, Parts().tokens) == (None,) * 4


def test_numbers_know_their_quantiles_and_refuse_damaged_ones():
    values = pl.Series("x", [float(i * i) for i in range(200)] + [None])
    column = Number("x", transform="linear").fit(values)
    (edges,) = column.edges
    numbers = column.encode(values).numbers[:, 0]
    assert len(edges) == BINS + 1
    assert (edges[0], edges[-1]) == (numbers.min(), numbers.max())
    counts = np.histogram(numbers, edges)[0]
    assert counts.max() - counts.min() <= 3
    assert Number.from_json(json.loads(json.dumps(column.to_json()))).edges == column.edges
    many = [float(i) for i in range(99)]
    for damaged in ([[1.0, 0.0]], [], [[0.0, 1.0], [0.0, 1.0]], [[0.0, "x"]], [many], 7):
        column.state["quantiles"] = damaged
        with pytest.raises(DataError, match="schema is damaged.*'x'"):
            column.edges


def test_quantiles_that_float32_cannot_tell_apart_are_one_edge():
    # Between 49 rows the quantiles are interpolated, in float64: on days of a month some lay 1e-9 apart.
    draw = np.random.default_rng(0)
    for _ in range(50):
        days = draw.choice(draw.normal(size=28), 49).astype(np.float32)
        (edges,) = _quantiles(Parts(numbers=days[:, None]))
        assert np.all(np.diff(np.float32(edges)) > 0)
    column = Number("x").fit(pl.Series([float(i) for i in range(100)]))
    column.state["quantiles"] = [[0.0, 1.0, 1.0 + 1e-12]]
    with pytest.raises(DataError, match="do not rise"):
        column.edges


def test_columns_of_an_older_schema_have_no_quantiles():
    column = Number("x").fit(pl.Series("x", [1.0, 2.0, 4.0]))
    del column.state["quantiles"]
    assert column.edges == ((),)
    assert fitted().edges == ()
