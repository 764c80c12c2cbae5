import numpy as np
import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.data import Schema, TypedTable, infer_kind, read_table
from cotrain.data.columns import Number, Tags, Vector

ROWS = np.random.default_rng(0).normal(size=(40, 3)) * [1, 10, 0.1]
LISTS = pl.Series("e", ROWS.tolist())
FORMS = {
    "lists": LISTS,
    "single precision": LISTS.cast(pl.List(pl.Float32)),
    "array": LISTS.cast(pl.Array(pl.Float64, 3)),
    "JSON": pl.Series("e", [str(row) for row in ROWS.tolist()]),
    "NumPy": pl.Series("e", [str(row) for row in ROWS]),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_vector_is_its_numbers_in_places_whatever_holds_it(form: str):
    guess = infer_kind(FORMS[form])
    assert (type(guess.column).__name__, guess.why) == ("Vector", "vectors of 3 numbers")
    column = Vector("e").fit(FORMS[form])
    assert (column.n_numbers, column.n_indicators) == (3, 0)
    places = [Number("e", transform="linear").fit(pl.Series("e", place)) for place in ROWS.T]
    alone = np.concatenate(
        [n.encode(pl.Series("e", p)).numbers for n, p in zip(places, ROWS.T, strict=True)], 1
    )
    assert np.allclose(column.encode(FORMS[form]).numbers, alone, atol=1e-5)
    assert np.allclose(column.encode(FORMS[form][5:6]).numbers, alone[5:6], atol=1e-5)


@pytest.mark.parametrize("form", ["parquet", "ndjson", "csv"])
def test_a_file_holds_the_vectors_of_a_frame(tmp_path, form: str):
    frame = pl.DataFrame({"e": LISTS, "x": range(40)})
    flat = frame.with_columns(FORMS["JSON"]) if form == "csv" else frame
    path = tmp_path / f"t.{form}"
    getattr(flat, f"write_{form}")(path)
    schema = Schema.infer(frame.select("e")).fit(frame)
    read = read_table(str(path))
    again = Schema.infer(read.select("e")).fit(read)
    assert again.to_json()["columns"] == schema.to_json()["columns"]
    assert bool((schema.encode(read)["numbers"] == again.encode(frame)["numbers"]).all())


def test_missing_cells_and_numbers_are_means_and_say_so():
    values = pl.Series("e", [[1.0, 2.0], None, [3.0, None]])
    column = Vector("e").fit(values)
    parts = column.encode(values)
    assert parts.numbers.tolist() == [[-1, 0], [0, 0], [1, 0]]
    assert parts.indicators[:, 0].tolist() == [0, 1, 0]
    empty = column.encode(pl.Series("e", [None], dtype=pl.String))
    assert empty.indicators.tolist() == [[1]]


def test_what_was_saved_codes_alike():
    column = Vector("e").fit(LISTS)
    again = Vector.from_json(column.to_json())
    assert np.array_equal(again.encode(LISTS).numbers, column.encode(LISTS).numbers)
    damaged = column.to_json()
    damaged["state"]["std"] = [1.0]
    with pytest.raises(DataError, match="schema is damaged"):
        Vector.from_json(damaged)


@pytest.mark.parametrize(
    ("values", "match"),
    [
        (["[1.5, 2]", "none of it"], "1 of its 2 values are no lists of numbers, such as 'none of it'"),
        ([[1.5, 2.0], [1.0]], "2 numbers, but 1 of its 2 cells have another number of them, such as 1"),
        ([[1.5, 2.0], [1.0, float("inf")]], "infinite values in 1 cell:"),
        ([None, None], "no row has numbers"),
        ([3, 4], "no lists of numbers"),
    ],
)
def test_says_what_is_wrong(values: list, match: str):
    with pytest.raises(DataError, match=match):
        Vector("e").fit(pl.Series("e", values))


def test_lists_of_measurements_that_differ_in_length_are_left_out_with_the_reason():
    guess = infer_kind(pl.Series("e", [[0.5] * (1 + i % 3) for i in range(30)]))
    assert guess.column is None
    assert "lists of 1 to 3 numbers" in guess.why


def test_whole_numbers_are_names_of_things_in_a_file_as_in_a_frame():
    lists = pl.Series("seen", [[i % 7, 10 + i % 2] for i in range(40)])
    spelled = pl.Series("seen", [str(row) for row in lists.to_list()])
    columns = [infer_kind(values).column for values in (lists, spelled)]
    assert [type(column) for column in columns] == [Tags, Tags]
    tokens = [c.fit(v).encode(v).tokens for c, v in zip(columns, (lists, spelled), strict=True)]
    assert np.array_equal(*tokens)
    assert columns[0].state == columns[1].state
    assert np.array_equal(columns[0].encode(spelled[3:4]).tokens, columns[0].encode(lists[3:4]).tokens)


def test_a_model_of_texts_reads_the_lists_of_a_frame_and_the_other_way_round():
    frames = [pl.DataFrame([LISTS]), pl.DataFrame([FORMS["JSON"]])]
    for trained in frames:
        table = TypedTable.read(trained)
        column = Vector("e").fit(table.frame["e"])
        coded = [
            column.encode(TypedTable.read(frame, types=table.types).frame["e"]).numbers for frame in frames
        ]
        assert np.array_equal(*coded)
