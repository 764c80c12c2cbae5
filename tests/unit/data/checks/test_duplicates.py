import numpy as np
import polars as pl

from cotrain.data.checks import check_duplicates


def test_counts_held_out_rows_that_training_has_too() -> None:
    table = pl.DataFrame(
        {"x": [1, 2, 3, 1, 5, 2], "t": ["a", "b", None, "a", "e", "c"], "y": [0, 1, 0, 1, 0, 1]}
    )
    parts = {"train": np.array([0, 1, 2]), "validation": np.array([3, 4]), "test": np.array([5])}
    (found,) = check_duplicates(table, ["x", "t"], parts)
    assert (found.severity, found.subject, found.values) == (
        "warning",
        "validation",
        {"rows": 1, "share": 0.5},
    )


def test_a_few_are_only_worth_a_note() -> None:
    table = pl.DataFrame({"x": [*range(500), 0]})
    parts = {"train": np.arange(200), "test": np.arange(200, 501)}
    (found,) = check_duplicates(table, ["x"], parts)
    assert found.severity == "note"
    assert check_duplicates(table, [], parts) == []
