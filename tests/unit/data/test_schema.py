import json
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain._base import DataError, InvalidArgumentError
from cotrain.data import Schema, kind_names
from cotrain.networks import TableEncoder

FRAME = pl.DataFrame(
    {
        "id": list(range(7, 307, 3)),
        "age": [None if i % 9 == 0 else 20 + i % 50 for i in range(100)],
        "income": [1.07**i for i in range(100)],
        "city": ["Rome", "Oslo", None, "Bonn"] * 25,
        "member": [True, False] * 50,
        "since": [date(2015 + i % 7, 1 + i % 12, 1 + i % 28) for i in range(100)],
        "likes": ["a, b", "b", "c, a", None] * 25,
        "about": [f"number {i} of something {i * i}" for i in range(100)],
        "y": [0, 1] * 50,
    }
)


def schema() -> Schema:
    return Schema.infer(FRAME, exclude=["y"]).fit(FRAME)


def test_the_tensors_are_as_the_spec_says() -> None:
    fitted, n = schema(), FRAME.height
    inputs, spec = fitted.encode(FRAME), fitted.spec()
    assert inputs["numbers"].shape == (n, spec.n_numbers)
    assert inputs["numbers"].dtype == torch.float32
    assert inputs["categories"].shape == (n, len(spec.cardinalities))
    assert inputs["categories"].dtype == torch.int64
    ends = torch.tensor(spec.cardinalities).cumsum(0)
    assert (inputs["categories"] < ends).all()
    assert (inputs["categories"] >= ends - torch.tensor(spec.cardinalities)).all()
    assert set(spec.bags) == {"bag:likes", "bag:about"} == set(inputs) - {"numbers", "categories"}
    for name, size in spec.bags.items():
        assert inputs[name].dtype == torch.int64
        assert inputs[name].max() < size
    assert TableEncoder(width=8, depth=1).build(spec)(inputs).shape == (n, 8)


def test_missing_indicators_come_last() -> None:
    numbers = schema().encode(FRAME)["numbers"]
    assert numbers[:, -1].tolist() == FRAME["age"].is_null().cast(pl.Float64).to_list()


def test_saved_and_read_again_it_codes_the_same() -> None:
    fitted = schema()
    again = Schema.from_json(json.loads(json.dumps(fitted.to_json())))
    assert again.spec() == fitted.spec()
    # But for the example, which is a cell of somebody's table.
    assert again.describe() == [replace(note, example="") for note in fitted.describe()]
    for name, tensor in fitted.encode(FRAME).items():
        assert torch.equal(tensor, again.encode(FRAME)[name])


def test_describes_every_column_and_why() -> None:
    notes = {note.column: note for note in schema().describe()}
    kinds = {name: note.kind for name, note in notes.items()}
    assert kinds == {
        "id": "drop",
        "age": "number",
        "income": "number",
        "city": "category",
        "member": "boolean",
        "since": "date",
        "likes": "tags",
        "about": "text",
    }
    assert notes["city"].missing == 0.25
    assert notes["city"].distinct == 3
    assert notes["city"].example == "Rome"
    assert all(note.why for note in notes.values())


def test_the_user_has_the_last_word() -> None:
    chosen = Schema.infer(
        FRAME, ["y"], {"age": "category", "city": "drop", "id": "number", "member": "category"}
    )
    kinds = {note.column: (note.kind, note.why) for note in chosen.describe()}
    assert kinds["age"] == ("category", "declared by the user")
    assert kinds["city"][0] == "drop"
    assert kinds["id"][0] == "number"
    assert "city" not in {column.name for column in chosen.columns}
    assert chosen.fit(FRAME).encode(FRAME.drop("city"))["numbers"].shape[0] == 100


def test_every_kind_can_be_declared() -> None:
    assert kind_names() == [
        "boolean",
        "category",
        "date",
        "number",
        "picture",
        "sound",
        "subwords",
        "tags",
        "text",
        "vector",
        "words",
        "drop",
    ]
    table = pl.DataFrame({"a": ["1", "0", "1"]})
    for kind in ("boolean", "category", "number", "tags", "text", "words"):
        inputs = Schema.infer(table, overrides={"a": kind}).fit(table).encode(table)
        assert all(len(tensor) == 3 for tensor in inputs.values())


def test_numbers_have_codes_only_where_asked_for() -> None:
    table = FRAME.select("age", "income")
    spec = Schema.infer(table).fit(table).spec()
    assert (spec.n_numbers, spec.n_indicators, spec.cardinalities) == (3, 1, ())
    assert len(Schema.infer(table, bins=8).fit(table).spec().cardinalities) == 2


@pytest.mark.parametrize(
    ("overrides", "error", "message"),
    [
        ({"agee": "number"}, DataError, "did you mean 'age'"),
        ({"age": "numbr"}, InvalidArgumentError, "did you mean 'number'"),
        ({"about": "number"}, DataError, "'about'.*100 of its 100 values are not numbers"),
    ],
)
def test_says_what_is_wrong_with_an_override(overrides: dict, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        Schema.infer(FRAME, overrides=overrides).fit(FRAME)


def test_names_all_columns_that_are_missing() -> None:
    table = FRAME.drop("age", "city").rename({"income": "incom"})
    with pytest.raises(DataError, match="lacks 3 input columns of 7: 'age', 'income', 'city'"):
        schema().encode(table)
    with pytest.raises(DataError, match="lacks 1 input column of 7: 'income'; did you mean 'incom'"):
        schema().encode(FRAME.rename({"income": "incom"}))


def test_neither_targets_nor_dropped_columns_are_asked_for() -> None:
    fitted = schema()
    assert torch.equal(
        fitted.encode(FRAME.drop("id", "y").with_columns(new=1))["numbers"], fitted.encode(FRAME)["numbers"]
    )


def test_infinite_values_are_named_and_counted() -> None:
    table = FRAME.with_columns(
        pl.when(pl.col("age") == 30).then(float("inf")).otherwise("income").alias("income")
    )
    with pytest.raises(DataError, match="'income' has 2 infinite values"):
        schema().encode(table)
    with pytest.raises(DataError, match="'income' has 2 infinite values"):
        Schema.infer(table).fit(table)


def test_one_row_alone_is_coded_as_among_others() -> None:
    fitted = schema()
    together = fitted.encode(FRAME)
    for row in (0, 2, 17):
        alone = fitted.encode(FRAME[row : row + 1])
        for name, tensor in alone.items():
            assert torch.equal(tensor[0], together[name][row]), name


def test_no_rows_give_empty_tensors() -> None:
    for tensor in schema().encode(FRAME[:0]).values():
        assert len(tensor) == 0


def test_a_damaged_or_newer_schema_is_refused() -> None:
    saved = schema().to_json()
    for broken, message in (
        ({**saved, "version": 99}, "version 99"),
        ({"columns": []}, "version None"),
        ({"version": 1}, "damaged"),
        ({**saved, "columns": [{"kind": "nothing"}]}, "damaged"),
        ({**saved, "columns": [{"kind": "parts", "options": {}, "state": {}}]}, "damaged"),
    ):
        with pytest.raises(DataError, match=message):
            Schema.from_json(broken)


@settings(max_examples=40)
@given(st.data())
def test_any_pattern_of_missing_values_gives_finite_tensors(data: st.DataObject) -> None:
    fitted = schema()
    rows = data.draw(st.integers(1, 8))
    table = FRAME[:rows]
    for name in fitted_names(fitted):
        holes = data.draw(st.lists(st.booleans(), min_size=rows, max_size=rows))
        table = table.with_columns(pl.when(pl.Series(holes)).then(None).otherwise(pl.col(name)).alias(name))
    inputs = fitted.encode(table)
    assert all(len(tensor) == rows for tensor in inputs.values())
    assert np.isfinite(inputs["numbers"].numpy()).all()
    # A reader that knows no type for an empty column says Null.
    nothing = table.with_columns([pl.lit(None).alias(name) for name in fitted_names(fitted)])
    empty = fitted.encode(nothing)
    assert all((tensor == tensor[0]).all() for tensor in empty.values())


def fitted_names(fitted: Schema) -> list[str]:
    return [column.name for column in fitted.columns]


@pytest.mark.parametrize(
    ("column", "key", "value"),
    [
        ("text", "buckets", 10**12),
        ("text", "width", 10**9),
        ("text", "buckets", -1),
        ("text", "width", True),
        ("text", "buckets", "8192"),
        ("tags", "buckets", 10**9),
        ("tags", "width", 10**12),
        ("tags", "width", 2.5),
    ],
)
def test_a_forged_size_is_refused_before_anything_of_it_is_made(column: str, key: str, value: object) -> None:
    frame = pl.DataFrame(
        {"text": [f"the {i} words of {i}" for i in range(30)], "tags": ["a, b", "a", "b, c"] * 10}
    )
    saved = json.loads(json.dumps(Schema.infer(frame).fit(frame).to_json()))
    entry = next(item for item in saved["columns"] if item["options"]["name"] == column)
    assert Schema.from_json(saved)
    entry["state"][key] = value
    with pytest.raises(DataError, match=f"damaged.*{key} of column '{column}'"):
        Schema.from_json(saved)


def test_an_encoder_codes_columns_otherwise() -> None:
    table = pl.DataFrame({"a": ["one two", "three"], "b": [0.5, 1.5]})
    seen = {}

    def coding(columns):
        seen.update(columns)
        return {"a": {"kind": "tags", "max_tokens": 1}}

    plain = Schema.infer(table, overrides={"a": {"kind": "text", "ngram": 2}})
    schema = plain.recoded(coding)
    assert seen == {"a": {"kind": "text", "ngram": 2}, "b": {"kind": "number"}}
    assert [type(column).__name__ for column in schema.columns] == ["Tags", "Number"]
    assert [note.kind for note in schema.describe()] == ["tags", "number"]
    assert [note.kind for note in plain.describe()] == ["text", "number"]
    assert plain.recoded(None) is plain
