from datetime import date

import numpy as np
import polars as pl

from cotrain.data.checks._codes import column_codes


def test_every_type_has_codes() -> None:
    for values, expected in (
        (["b", None, "a", ""], [2, 0, 1, 0]),
        ([1.5, None, float("nan"), 1.0], [2, 0, 0, 1]),
        ([True, False, None], [2, 1, 0]),
        ([date(2020, 1, 1), None], [1, 0]),
        ([["a", "b"], None, ["a"], ["a", "b"]], [2, 0, 1, 2]),
        ([None, None], [0, 0]),
    ):
        assert column_codes(pl.Series(values)).tolist() == expected


def test_bytes_are_alike_or_not() -> None:
    first, none, second, again = column_codes(pl.Series([b"one", None, b"\xff\x00", b"one"])).tolist()
    assert none == 0
    assert first == again
    assert len({first, none, second}) == 3


def test_many_numbers_are_binned_evenly() -> None:
    codes = column_codes(pl.Series(np.random.default_rng(0).normal(size=1600)), bins=16)
    assert np.bincount(codes)[1:].tolist() == [100] * 16
