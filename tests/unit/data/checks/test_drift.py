import numpy as np
import polars as pl

from cotrain.data.checks import check_drift


def test_columns_that_tell_the_parts_apart_are_found_and_others_are_not() -> None:
    rng = np.random.default_rng(0)
    n = 1000
    table = pl.DataFrame(
        {
            "year": np.arange(n),
            "same": rng.normal(size=n),
            "city": rng.choice(["a", "b", "c"], n),
            "site": ["p"] * 800 + ["q"] * 200,
            "title": [f"title {i}" for i in range(n)],
            "hole": [None if i >= 700 else 1.5 * (i % 7) for i in range(n)],
        }
    )
    parts = {"train": np.arange(700), "validation": np.arange(700, 800), "test": np.arange(800, n)}
    found = {(p.subject, p.values["part"]) for p in check_drift(table, table.columns, parts)}
    assert found == {
        ("year", "validation"),
        ("year", "test"),
        ("site", "test"),
        ("hole", "validation"),
        ("hole", "test"),
    }


def test_small_parts_raise_no_alarm() -> None:
    rng = np.random.default_rng(1)
    table = pl.DataFrame({"x": rng.normal(size=130), "c": rng.choice(list("abcdefgh"), 130)})
    parts = {"train": np.arange(100), "validation": np.arange(100, 115), "test": np.arange(115, 130)}
    assert check_drift(table, table.columns, parts) == []
