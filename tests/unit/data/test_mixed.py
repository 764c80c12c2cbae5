import polars as pl

from cotrain.data._mixed import column_of


def test_values_of_one_type_keep_it() -> None:
    for values, dtype in (
        ([1, None, 2], pl.Int64),
        ([1.5, None], pl.Float64),
        ([True, None], pl.Boolean),
        (["a", None], pl.String),
        ([[1], None], pl.List(pl.Int64)),
        ([None, None], pl.String),
        ([], pl.String),
    ):
        column = column_of("a", values)
        assert column.dtype == dtype
        assert column.to_list() == values


def test_values_of_several_types_are_spelled_as_a_file_spells_them() -> None:
    assert column_of("a", [1, 2.5]).to_list() == [1.0, 2.5]
    assert column_of("a", [9007199254740993, 2.5]).to_list() == ["9007199254740993", "2.5"]
    assert column_of("a", [1, True, None, "x"]).to_list() == ["1", "true", None, "x"]
    assert column_of("a", [10**30, 1]).to_list() == [str(10**30), "1"]
    assert column_of("a", [{"b": "ä"}, [1, 2]]).to_list() == ['{"b": "ä"}', "[1, 2]"]
    assert column_of("a", [[1], [[2]]]).to_list() == ["[1]", "[[2]]"]
