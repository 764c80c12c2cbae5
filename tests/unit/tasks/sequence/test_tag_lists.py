from __future__ import annotations

import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.tasks.sequence._tag_lists import tag_lists

CELLS = [["A", "B"], None, [], ["A", None, "_"]]


@pytest.mark.parametrize(
    "column",
    [
        pl.Series("t", CELLS),
        pl.Series("t", CELLS, dtype=pl.List(pl.Categorical)),
        pl.Series("t", ['["A", "B"]', None, "[]", '["A", null, "_"]']),
    ],
    ids=["lists", "categories", "JSON"],
)
def test_lists_however_they_are_held_are_the_same_tags(column: pl.Series) -> None:
    tags, offsets = tag_lists(column, ["_"])
    assert tags.cast(pl.String).to_list()[:3] == ["A", "B", "A"]
    assert offsets.tolist() == [0, 2, 2, 2, 5]
    if column.dtype != pl.List(pl.Categorical):
        assert tags.to_list()[3:] == [None, None]


def test_a_text_has_a_tag_between_blanks() -> None:
    tags, offsets = tag_lists(pl.Series("t", ["B-per  O", "", None, " O "]))
    assert (tags.to_list(), offsets.tolist()) == (["B-per", "O", "O"], [0, 2, 2, 2, 3])


@pytest.mark.parametrize("column", [pl.Series("t", [None, None]), pl.Series("t", [], dtype=pl.String),
                                    pl.Series("t", [[], None], dtype=pl.List(pl.String))])  # fmt: skip
def test_no_tag_at_all_is_no_error_here(column: pl.Series) -> None:
    tags, offsets = tag_lists(column)
    assert not len(tags)
    assert offsets.tolist() == [0] * (len(column) + 1)


@pytest.mark.parametrize(
    ("column", "sentence"),
    [
        (pl.Series("t", [1.5]), "holds Float64, where a list of tags"),
        (pl.Series("t", [[["A"]]]), "where lists of tags were expected"),
        (pl.Series("t", ["[A, B"]), "no list of tags in JSON"),
    ],
)
def test_other_cells_are_refused_in_a_sentence(column: pl.Series, sentence: str) -> None:
    with pytest.raises(DataError, match=sentence):
        tag_lists(column)
