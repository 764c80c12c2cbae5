from datetime import date

import polars as pl
import pytest

from cotrain._base import DataError
from cotrain.data import Missing
from cotrain.data._table import settle_column
from cotrain.data.sources._join_column import join_column


def joined(*parts: list | int, choice=None, kind=None) -> pl.Series:
    named = [
        (name, part if isinstance(part, int) else pl.Series("c", part))
        for name, part in zip("abc", parts, strict=False)
    ]
    return join_column("c", named, Missing(), kind, choice=choice)


@pytest.mark.parametrize(
    ("parts", "settled"),
    [
        (([1, 2], [1.5]), [1.0, 2.0, 1.5]),
        ((["1", "2"], [3]), [1, 2, 3]),
        ((["00501"], [12345]), ["00501", "12345"]),
        (([2**60], [0.5]), [str(2**60), "0.5"]),
        (([True], ["false"]), [True, False]),
        (([date(2020, 1, 1)], ["2021-02-03"]), [date(2020, 1, 1), date(2021, 2, 3)]),
        (([1, 2], 2), [1, 2, None, None]),
        ((3, ["x"]), [None, None, None, "x"]),
        (([None, None], [5]), [None, None, 5]),
        ((["NA"], [5]), [None, 5]),
        (([["x"]], [["y", None], None]), [["x"], ["y", None], None]),
        (([[1]], [["y"]]), [["1"], ["y"]]),
    ],
)
def test_cells_are_those_of_one_table_written_by_hand(parts: tuple, settled: list) -> None:
    assert settle_column(joined(*parts), Missing())[0].to_list() == settled


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        ((["cheap", "dear"], [1, 2]), "text in source 'a' .such as 'cheap'. and numbers in source 'b'"),
        (([1.5], ["x", "2"]), "numbers in source 'a'"),
        (([True], [1]), "true and false in source 'a'"),
        (([date(2020, 1, 1)], ["soon"]), "dates in source 'a'"),
    ],
)
def test_types_that_have_nothing_to_do_with_one_another_are_refused(parts: tuple, said: str) -> None:
    with pytest.raises(DataError, match=rf"'c' holds {said}") as error:
        joined(*parts)
    assert "\n" not in str(error.value)
    assert joined(*parts, choice="category").dtype == pl.String


def test_text_beside_lists_is_cut_where_the_column_is_running_text() -> None:
    lists, text = [["a", "b"]], ["c  d", None]
    with pytest.raises(DataError, match="lists in source 'a' and text in source 'b'.*{c: words}"):
        joined(lists, text)
    assert joined(lists, text, kind="text").to_list() == ['["a", "b"]', "c  d", None]
    for choice in ("words", {"kind": "words"}):
        assert joined(lists, text, choice=choice).to_list() == ['["a", "b"]', "c  d", None]


def test_mappings_of_different_forms_keep_their_values():
    one = [[{"box": [1.5, 2.0], "label": "x", "crowd": True}]]
    other = [[{"label": "y", "box": [1, 2]}], None, []]
    assert joined(one, other).to_list() == [
        *one,
        [{"box": [1.0, 2.0], "label": "y", "crowd": None}],
        None,
        [],
    ]
    masks = [{"height": 4, "areas": []}], [{"height": 4, "areas": [{"label": "a"}]}]
    assert joined(*masks).to_list() == [*masks[0], *masks[1]]
    assert joined([["a"]], [[1]]).to_list() == [["a"], ["1"]]
    with pytest.raises(DataError, match="source 'a' .* source 'b': rename it"):
        joined([{"x": 1}], [[{"x": 1}]])
