import numpy as np
import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.data import TypedTable
from cotrain.data.sources import columns_of_sources, read_sources

TAGS = pl.DataFrame({"x": [1, 2], "tag": ["N", None]})
REVIEWS = pl.DataFrame({"stars": [5, None, 1], "x": [None, 4, 5]})


def test_several_tables_are_their_diagonal_concatenation() -> None:
    table = read_sources({"tags": TAGS, "reviews": REVIEWS})
    named = [TAGS.with_columns(source=pl.lit("tags")), REVIEWS.with_columns(source=pl.lit("reviews"))]
    hand_made = read_sources(pl.concat(named, how="diagonal"), "source")
    assert table.frame.equals(hand_made.frame.select(table.frame.columns))
    assert table.types == hand_made.types
    assert table.source == hand_made.source == "source"


def test_files_of_different_formats_are_one_table(tmp_path) -> None:
    TAGS.write_csv(tmp_path / "tags.csv")
    REVIEWS.write_parquet(tmp_path / "reviews.parquet")
    paths = {"tags": str(tmp_path / "tags.csv"), "reviews": tmp_path / "reviews.parquet"}
    assert read_sources(paths).frame.equals(read_sources({"tags": TAGS, "reviews": REVIEWS}).frame)


def test_a_column_may_have_any_name_and_no_source_may_have_it_already() -> None:
    assert read_sources({"a": TAGS, "b": REVIEWS}, "origin").frame.columns[-1] == "origin"
    with pytest.raises(DataError, match="Source 'b' has a column 'stars', which is the name of the column"):
        read_sources({"a": TAGS, "b": REVIEWS}, "stars")


def test_of_one_table_the_source_column_must_be_there() -> None:
    with pytest.raises(DataError, match="'origin' is no column of the table"):
        read_sources(TAGS, "origin")


def test_missing_words_are_missing_in_every_source() -> None:
    a, b = pl.DataFrame({"x": ["-", "1"]}), pl.DataFrame({"x": [2, 3]})
    table = read_sources({"a": a, "b": b}, missing=["-"])
    assert table.frame["x"].to_list() == [None, 1, 2, 3]
    assert table.types["x"] == "integer"


def test_at_prediction_columns_have_the_types_of_training() -> None:
    table = read_sources({"a": pl.DataFrame({"zip": [12345]})}, types={"zip": "text"})
    assert table.frame["zip"].to_list() == ["12345"]


def test_a_source_that_lacks_an_input_of_its_own_is_refused() -> None:
    with pytest.raises(DataError, match="'reviews' lacks the input column 'stars'.*did you mean 'star'"):
        read_sources({"reviews": REVIEWS.rename({"stars": "star"})}, known={"reviews": ["stars", "x"]})
    # What another source had is empty here.
    assert read_sources({"reviews": REVIEWS}, known={"reviews": ["x"], "tags": ["y"]}).height == 3


def test_columns_of_sources_are_those_with_values() -> None:
    table = read_sources({"tags": TAGS, "reviews": REVIEWS.with_columns(empty=None)})
    assert columns_of_sources(table, ["x", "stars", "empty"]) == {"tags": ["x"], "reviews": ["x", "stars"]}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({}, "no source"),
        ({"": TAGS}, "named ''"),
        ({" a": TAGS}, "named ' a'"),
        ({1: TAGS}, "named 1"),
        ({"a": "there_is_none.csv"}, "Source 'a': There is no file"),
        ({"a": TAGS.head(0)}, "Source 'a': the table is empty"),
        ({"a": {"x": [1]}}, "Source 'a' is dict: expected a table"),
        ({"a": np.zeros(3), "b": [1, 2, 3]}, "'a' is a single column: give the columns as one table"),
        ({"a": TAGS, "b": TAGS["x"]}, "'b' is a single column"),
    ],
)
def test_says_what_is_wrong(data: dict, message: str) -> None:
    with pytest.raises(DataError, match=message):
        read_sources(data)


def test_written_rows_know_their_source_again(tmp_path) -> None:
    table = read_sources({"tags": TAGS, "reviews": REVIEWS})
    table[[0, 3]].write_parquet(tmp_path / "part.parquet")
    again = TypedTable.read(tmp_path / "part.parquet")
    assert again.source == "source"
    assert again.frame["source"].to_list() == ["tags", "reviews"]
