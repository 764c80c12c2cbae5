import polars as pl
import pytest

from cotrain.data import TypedTable
from cotrain.data.sources import read_sources
from cotrain.learner._known_sources import KnownSources

TABLE = read_sources({"a": pl.DataFrame({"x": [1], "y": [2]}), "b": pl.DataFrame({"x": [3], "z": ["t"]})})
KNOWN = KnownSources.of(TABLE, ["x", "y", "z"])


def completed(frame: pl.DataFrame, source: str | None = None) -> list[str]:
    table = TypedTable(frame, {}, source=source)
    return KNOWN.completed(table, TABLE.types, ["x", "y", "z"]).frame.columns


def test_a_table_gets_the_columns_that_its_source_never_had() -> None:
    named = pl.DataFrame({"x": [1], "y": [2], "source": ["a"]})
    assert completed(named, "source") == ["x", "y", "source", "z"]
    assert completed(pl.DataFrame({"x": [1], "z": ["s"]})) == ["x", "z", "y"]


def test_a_column_that_its_source_had_is_not_made_up() -> None:
    assert "y" not in completed(pl.DataFrame({"x": [1], "source": ["a"]}), "source")
    # No source had neither y nor z.
    assert not {"y", "z"} & set(completed(pl.DataFrame({"x": [1]})))


def test_comes_back_from_json() -> None:
    assert KnownSources(**KNOWN.to_json()) == KNOWN


@pytest.mark.parametrize(
    ("data", "are"),
    [
        ({"a": pl.DataFrame({"x": [1]})}, True),
        ({"a": "a.csv", "b": "b.csv"}, True),
        ({"x": "a.csv"}, False),
        ({"x": 1.0, "y": 2}, False),
        ({"a": 1.0}, False),
        ({}, False),
        (pl.DataFrame({"x": [1]}), False),
    ],
)
def test_tables_are_told_from_a_row(data: object, are: bool) -> None:
    assert KNOWN.are_tables(data, ["x", "y", "z"]) is are
