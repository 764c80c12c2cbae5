"""Words of a table are the same tensors from every format, and of a row as of a table."""

import csv
import json
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cotrain._base._ragged import Ragged
from cotrain.data import RowEncoder, Schema, TypedTable
from cotrain.data._input_tensors import code_offsets, input_tensors
from cotrain.data.columns import Category, Number, Words

ROWS = [["Play", "the", "song", '"Help"', "."], ["the", "é 中", None], None, [], ["NA"], ["the", "End"]] * 5
AGES = [1.5, None, 2.5, 4.0, 0.5, 3.0] * 5
FRAME = pl.DataFrame({"tokens": pl.Series(ROWS, dtype=pl.List(pl.String)), "age": AGES})


def sources(folder: Path) -> dict[str, object]:
    spelled = [None if row is None else json.dumps(row, ensure_ascii=False) for row in ROWS]
    FRAME.write_parquet(folder / "t.parquet")
    FRAME.write_ndjson(folder / "t.jsonl")
    with (folder / "t.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["tokens", "age"])
        writer.writerows(zip(spelled, AGES, strict=True))
    return {
        "polars": FRAME,
        "pandas": pd.DataFrame({"tokens": ROWS, "age": AGES}),
        "pandas of arrays": FRAME.to_pandas(),
        "pyarrow": pa.table({"tokens": pa.array(ROWS, pa.list_(pa.string())), "age": AGES}),
        "parquet": folder / "t.parquet",
        "jsonl": folder / "t.jsonl",
        "csv": folder / "t.csv",
        "text": FRAME.with_columns(pl.Series("tokens", spelled)),
    }


def equal(one: dict, other: dict) -> bool:
    for name, leaf in one.items():
        pairs = [(leaf, other[name])]
        if isinstance(leaf, Ragged):
            pairs = [(leaf.values, other[name].values), (leaf.offsets, other[name].offsets)]
        if not all(a.dtype == b.dtype and torch.equal(a, b) for a, b in pairs):
            return False
    return one.keys() == other.keys()


def test_every_format_gives_the_same_tensors_trained_and_read(tmp_path) -> None:
    table = TypedTable.read(FRAME)
    first = Schema.infer(table.frame, types=table.types).fit(table.frame)
    want = first.encode(table.frame)
    assert set(want) == {"numbers", "words:tokens", "characters:tokens"}
    assert want["words:tokens"].lengths.tolist() == [len(row or []) for row in ROWS]
    for name, source in sources(tmp_path).items():
        read = TypedTable.read(source)
        own = Schema.infer(read.frame, types=read.types).fit(read.frame)
        assert equal(own.encode(read.frame), want), name
        # And those that were trained on another format.
        assert equal(first.encode(TypedTable.read(source, types=table.types).frame), want), name
        assert equal(own.encode(TypedTable.read(FRAME, types=read.types).frame), want), name


words = st.none() | st.lists(st.none() | st.sampled_from(["the", "End", "é", "", "NA", "x y"]), max_size=4)
texts = (
    st.none()
    | st.sampled_from(["the end", "NA", "", '["the", null]', "the ? é", "[the", "isn't it, re-do"])
    | st.text("the 'E-_.9\t\x1c\x1f", max_size=12)
)


@given(words | texts, st.none() | st.floats(-9, 9))
def test_a_row_alone_is_coded_as_in_a_table(value, age) -> None:
    running = pl.Series("tokens", ["It isn't the end, is it?", "The end."] * 15)
    for train in (FRAME, FRAME.with_columns(FRAME["tokens"].list.join(" ")), FRAME.with_columns(running)):
        table = TypedTable.read(train)
        schema = Schema.infer(table.frame, overrides={"tokens": "words"}, types=table.types).fit(table.frame)
        schema = Schema.from_json(json.loads(json.dumps(schema.to_json())))
        encoder = RowEncoder(schema, table.types, table.missing)
        row = pl.DataFrame({"tokens": [value], "age": [age]}, strict=False)
        read = TypedTable.read(row, missing=table.missing, types=table.types)
        assert equal(encoder.encode({"tokens": value, "age": age}), schema.encode(read.frame))


def test_a_list_never_goes_the_tables_way(monkeypatch) -> None:
    table = TypedTable.read(FRAME)
    schema = Schema.infer(table.frame, types=table.types).fit(table.frame)
    encoder = RowEncoder(schema, table.types, table.missing)
    monkeypatch.setattr(TypedTable, "read", lambda *_, **__: pytest.fail("a table was made"))
    found = encoder.encode({"tokens": ["the", None], "age": 2.0})
    assert found["words:tokens"].lengths.tolist() == [2]


def test_the_schema_says_how_many_words_and_characters_there_are() -> None:
    schema = Schema.infer(FRAME).fit(FRAME)
    spec, inputs = schema.spec(), schema.encode(FRAME)
    assert spec.words["words:tokens"] == int(inputs["words:tokens"].values.max()) + 1
    assert spec.characters["characters:tokens"] > int(inputs["characters:tokens"].values.max())
    (note,) = (note for note in schema.describe() if note.column == "tokens")
    assert (note.kind, note.example) == ("words", 'Play the song "Help" .')
    assert (note.distinct, note.missing) == (5, pytest.approx(1 / 6))
    assert "marks" in note.why
    dropped = Schema.infer(FRAME, overrides={"tokens": {"kind": "words", "characters": 0}}).fit(FRAME)
    assert dict(dropped.spec().characters) == {}
    assert "characters:tokens" not in dropped.encode(FRAME)


def test_codes_of_all_columns_share_one_table() -> None:
    values = {"a": pl.Series("a", ["x", "y"]), "b": pl.Series("b", ["u", "v"]), "n": pl.Series("n", [1, 2])}
    columns = [Category("a", min_count=1), Number("n"), Category("b", min_count=1)]
    parts = [column.fit(values[column.name]).encode(values[column.name]) for column in columns]
    offsets = code_offsets(columns)
    assert offsets.tolist() == [0, 4]
    found = input_tensors(columns, parts, offsets)
    assert found["categories"].tolist() == [[2, 6], [3, 7]]
    assert found["numbers"].shape == (2, 1)
    assert np.array_equal(code_offsets([Words("w").fit(FRAME["tokens"])]), np.zeros(0))
