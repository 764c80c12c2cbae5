import polars as pl

from cotrain.data.checks import check_classes, read_labels
from cotrain.tasks import Binary, Multiclass, Multilabel, Regression


def test_counts_classes_and_points_at_rare_ones() -> None:
    table = pl.DataFrame(
        {
            "kind": ["x"] * 90 + ["y"] * 7 + [None] * 3,
            "tags": ["a, b"] * 50 + ["b"] * 48 + ["c"] * 2,
            "sold": [0, 1] * 50,
            "price": [i * 0.5 for i in range(100)],
        }
    )
    labels, _ = read_labels(
        table, [Multiclass("kind"), Multilabel("tags", separator=","), Binary("sold"), Regression("price")]
    )
    found = {(p.subject, p.severity): p for p in check_classes(labels)}
    assert found["kind", "note"].values["counts"] == {"x": 90, "y": 7}
    assert found["kind", "warning"].values["rare"] == {"y": 7}
    assert found["tags", "note"].values["counts"] == {"a": 50, "b": 98, "c": 2}
    assert found["tags", "warning"].values["rare"] == {"c": 2}
    assert ("sold", "warning") not in found
    assert ("price", "note") not in found
