from __future__ import annotations

import datetime as dt

import polars as pl

from cotrain.cli._groups import _sentences, groups_of


def test_numbers_are_cut_into_quarters_and_few_values_are_kept() -> None:
    values = pl.Series([float(i) for i in range(100)] + [None, float("nan")])
    groups = groups_of(values)
    assert groups[-2:] == [None, None]
    assert sorted({g for g in groups if g is not None}) == [
        "24.75 to 49.5",
        "49.5 to 74.25",
        "above 74.25",
        "up to 24.75",
    ]
    assert groups_of(pl.Series([1, 2, 2])) == ["1", "2", "2"]


def test_dates_become_years_and_skewed_numbers_fewer_groups() -> None:
    assert groups_of(pl.Series([dt.date(2001, 2, 3), None])) == ["2001", None]
    skewed = pl.Series([0] * 90 + list(range(1, 20)))
    assert set(groups_of(skewed)) == {"up to 0", "above 0"}


def test_names_and_flags_stay_what_they_are() -> None:
    assert groups_of(pl.Series(["<b>", None, "票"])) == ["<b>", None, "票"]
    assert groups_of(pl.Series([True, False, None])) == ["True", "False", None]


def test_groups_that_are_all_too_small_are_not_called_alike() -> None:
    record = {"group": "a", "metric": "rmse", "direction": "min", "n_labelled": 3, "value": 1.0, "rest": 2.0}
    small, large = ([record | {"word": "", "too_few": why}] for why in ("3 rows", ""))
    assert _sentences("g", {"y": small}) == ["No group of g has labels enough on the test rows for a word."]
    assert _sentences("g", {"y": small, "z": large}) == ["No task is clearly worse on any group of g."]
