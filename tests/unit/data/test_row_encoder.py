"""A row alone is coded as in a table, to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import DataError
from cotrain.data import RowEncoder, Schema, TypedTable

N = 60
GENERATOR = np.random.default_rng(0)
FRAME = pl.DataFrame(
    {
        "number": [None if i % 7 == 0 else v for i, v in enumerate(GENERATOR.normal(size=N))],
        "amount": GENERATOR.lognormal(0, 3, N),
        "whole": GENERATOR.integers(0, 1000, N),
        "code": GENERATOR.integers(0, 4, N),
        "city": GENERATOR.choice(["Rome", "Oslo", "Zürich"], N),
        "flag": GENERATOR.choice([True, False], N),
        "day": pl.Series(GENERATOR.choice(["2020-01-01", "2021-05-06"], N)).str.to_date(),
        "tags": GENERATOR.choice(["a, b", "b,c", "d", ""], N),
        "words": [f"the {w} house number {i}" for i, w in enumerate(GENERATOR.choice(["red", "blue"], N))],
    }
)
KINDS = {"code": "category", "tags": "tags", "words": "text", "city": "category"}

numbers = st.one_of(
    st.none(),
    st.integers(-(2**60), 2**60),
    st.floats(allow_infinity=False),
    st.sampled_from([-999, -999.0, 0.0, -0.0, 1e300, np.float64(1.5), np.int64(3)]),
)
texts = st.one_of(
    st.none(),
    st.text(max_size=30),
    st.text(alphabet="aAbB ,.-_19\t\n\x1c?", max_size=12),
    st.sampled_from(["Rome", " Oslo ", "Zürich", "NA", "?", "", "a, b", "c,,d", "北京好电影", "THE Red"]),
)
rows = st.fixed_dictionaries(
    {
        "number": numbers,
        "amount": numbers,
        "whole": numbers,
        "code": st.one_of(st.none(), st.integers(-2, 6), st.floats(0, 4)),
        "city": texts,
        "flag": st.sampled_from([True, False, None]),
        "day": st.sampled_from([None, *FRAME["day"][:5]]),
        "tags": texts,
        "words": texts,
    }
)


@pytest.fixture(scope="module", params=["usual", "own"])
def fitted(request) -> tuple[Schema, RowEncoder, TypedTable]:
    missing = None if request.param == "usual" else {"number": [-999, 0], "city": [], "*": ["Oslo", "3"]}
    table = TypedTable.read(FRAME, missing=missing)
    schema = Schema.infer(table.frame, overrides=KINDS, types=table.types).fit(table.frame)
    return schema, RowEncoder(schema, table.types, table.missing), table


def by_table(schema: Schema, table: TypedTable, row: dict[str, Any]) -> dict[str, torch.Tensor]:
    frame = pl.DataFrame({name: [value] for name, value in row.items()}, strict=False)
    return schema.encode(TypedTable.read(frame, missing=table.missing, types=table.types).frame)


@settings(deadline=None, max_examples=300)
@given(rows)
def test_a_row_is_coded_as_a_table_of_it(fitted, row):
    schema, encoder, table = fitted
    try:
        expected = by_table(schema, table, row)
    except DataError:
        with pytest.raises(DataError):
            encoder.encode(row)
        return
    found = encoder.encode(row)
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        assert found[name].dtype == tensor.dtype
        assert torch.equal(found[name], tensor), name


def test_an_absent_column_is_named(fitted):
    _, encoder, _ = fitted
    row = {name: None for name in FRAME.columns if name != "city"}
    with pytest.raises(DataError, match="lacks 1 input column of 9: 'city'"):
        encoder.encode(row)


def test_plain_values_never_go_the_tables_way(fitted, monkeypatch):
    _, encoder, _ = fitted
    plain = FRAME.drop("flag", "day").row(3, named=True)
    monkeypatch.setattr(TypedTable, "read", lambda *_, **__: pytest.fail("a table was made"))
    for column in encoder.schema.columns:
        if column.name in plain and plain[column.name] != "Zürich":
            encoder._parts(column, plain[column.name])
