import polars as pl

from cotrain.data.checks import check_coverage, read_labels
from cotrain.tasks import Binary


def test_counts_labelled_rows_per_task_and_together() -> None:
    table = pl.DataFrame({"a": [1, 0, 1, 0, None] * 100, "b": [1, 0, None, None, None] * 30 + [None] * 350})
    labels, problems = read_labels(table, [Binary("a"), Binary("b")])
    assert problems == []
    found = check_coverage(labels)
    assert [(p.severity, p.subject, p.values.get("labelled")) for p in found] == [
        ("note", "a", 400),
        ("warning", "b", 60),
        ("note", "", None),
    ]
    assert "400 of 500 rows (80.0%)" in found[0].sentence
    assert found[2].values == {"every": 60, "none": 100}
