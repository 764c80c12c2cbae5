import polars as pl
import pytest

from cotrain.data import Schema, TypedTable
from cotrain.data._row_numbers import row_numbers
from cotrain.data.sources import read_sources

N = 60
FRAME = pl.DataFrame({"row": range(3, 3 + N), "x": [i % 7 for i in range(N)], "y": [i % 2 for i in range(N)]})


@pytest.mark.parametrize(
    "values",
    [
        [float(i) for i in range(N)],  # whole, but not settled
        [*range(N - 1), None],
        [*range(N - 1), N],
        [*range(N // 2), *range(N // 2)],
        [N - i for i in range(N)],
        [str(i) for i in range(N)],
    ],
)
def test_other_columns_do_not_number_the_rows(values: list) -> None:
    assert row_numbers(FRAME.with_columns(pl.Series("row", values))) == ()


def test_a_few_rows_do_not_tell() -> None:
    assert row_numbers(FRAME[:20]) == ()


@pytest.mark.parametrize("name", ["table.csv", "table.parquet", "table.jsonl", None])
def test_some_rows_know_what_all_rows_show(tmp_path, name: str | None) -> None:
    source = FRAME
    if name is not None:
        source = tmp_path / name
        write = {"csv": FRAME.write_csv, "parquet": FRAME.write_parquet, "jsonl": FRAME.write_ndjson}
        write[name.split(".")[1]](source)
    some = TypedTable.read(source)[[2, 3, 5, 7, 11, 13, 17, 19, 23, 29, *range(30, 58, 2)]]
    again = tmp_path / "some.parquet"
    some.write_parquet(again)
    for table in (some, TypedTable.read(again), TypedTable.read(some, types={"x": "text"})):
        schema = Schema.infer(table.frame, ["y"], types=table.types, numbered=table.numbered)
        assert [column.name for column in schema.columns] == ["x"]
        kept = Schema.infer(table.frame, ["y"], {"row": "number"}, numbered=table.numbered)
        assert [column.name for column in kept.columns] == ["row", "x"]


def test_each_source_numbers_its_own_rows() -> None:
    table = read_sources({"a": FRAME, "b": FRAME[:30], "c": FRAME.drop("row")})
    assert table.numbered == ("row",)
    assert read_sources({"a": FRAME, "b": FRAME[::2]}).numbered == ()
