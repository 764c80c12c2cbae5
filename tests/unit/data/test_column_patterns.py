import pytest

from cotrain._base import DataError
from cotrain.data import match_columns

COLUMNS = ["id", "Price, EUR", "area", "tox_1", "tox_2", "!odd", "a*b", "x"]


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        (["area,x"], ["area", "x"]),
        ([" x , area "], ["x", "area"]),
        (["Price, EUR"], ["Price, EUR"]),
        (["x,Price, EUR,area"], ["x", "Price, EUR", "area"]),
        (['"Price, EUR",x'], ["Price, EUR", "x"]),
        (["x", "area"], ["x", "area"]),
        (["tox_*"], ["tox_1", "tox_2"]),
        (["tox_[2-9],x"], ["tox_2", "x"]),
        (["a*b"], ["a*b"]),
        (["tox_*,!tox_1"], ["tox_2"]),
        (["!id,!tox_*"], ["Price, EUR", "area", "!odd", "a*b", "x"]),
        (["!odd"], ["!odd"]),
        (["x,x", "x"], ["x"]),
    ],
)
def test_columns_are_named_by_name_pattern_or_all_but_some(patterns, found):
    assert match_columns(patterns, COLUMNS) == found


@pytest.mark.parametrize("patterns", [["arae"], ["q*"], ["!q*"], ["*,!*"], ["x,,arae"]])
def test_what_fits_nothing_is_a_sentence(patterns):
    with pytest.raises(DataError, match="is not a column of the table|leaves no column"):
        match_columns(patterns, COLUMNS)
