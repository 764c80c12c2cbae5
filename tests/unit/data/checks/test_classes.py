import numpy as np
import polars as pl

from cotrain.data.checks import check_classes, read_labels
from cotrain.tasks import Binary, Multiclass, Multilabel, Ordinal, Regression, Segmentation, Tagging


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
    assert "has 1 class with fewer than 10 rows: 'y' (7). They" in found["kind", "warning"].sentence
    assert found["tags", "note"].values["counts"] == {"a": 50, "b": 98, "c": 2}
    assert found["tags", "warning"].values["rare"] == {"c": 2}
    assert ("sold", "warning") not in found
    assert ("price", "note") not in found


def test_of_many_rare_classes_the_rarest_are_named_and_the_others_counted() -> None:
    values = ["common"] * 50 + [
        f"c{size}{of}" for size in range(9, 1, -1) for of in "ab" for _ in range(size)
    ]
    labels, _ = read_labels(pl.DataFrame({"kind": values}), [Multiclass("kind")])
    (warning,) = [problem for problem in check_classes(labels) if problem.severity == "warning"]
    assert "16 classes" in warning.sentence
    assert ": 'c2a' (2), 'c2b' (2), 'c3a' (3)" in warning.sentence
    assert "'c5b' (5) and 8 more. They" in warning.sentence


def test_ordinal_classes_bear_the_names_of_the_user() -> None:
    for values, options in (
        ([1, 2, 3, 4, 5], {}),
        (["low", "mid", "high"], {"levels": ["low", "mid", "high"]}),
    ):
        frame = pl.DataFrame({"stars": values * 12})
        labels, _ = read_labels(frame, [Ordinal("stars", **options)])
        assert check_classes(labels)[0].values["counts"] == {str(value): 12 for value in values}


def test_classes_of_every_kind_bear_the_names_of_the_user() -> None:
    frame = pl.DataFrame({"b": ["no", "yes"] * 12, "m": ["x", "y", "z"] * 8})
    labels, _ = read_labels(frame, [Binary("b"), Multiclass("m")])
    counts = [problem.values["counts"] for problem in check_classes(labels) if "counts" in problem.values]
    assert counts == [{"no": 12, "yes": 12}, {"x": 8, "y": 8, "z": 8}]


def test_what_is_counted_is_said() -> None:
    mask = np.zeros((4, 5), np.uint8)
    mask[0, :3] = 1
    frame = pl.DataFrame(
        {
            "mask": pl.Series([mask] * 2 + [None] * 10, dtype=pl.Object),
            "words": [["a", "b"]] * 12,
            "tags": [["X", "Y"]] * 12,
            "kind": ["x", "y"] * 6,
        }
    )
    labels, _ = read_labels(frame, [Segmentation("mask"), Tagging("tags"), Multiclass("kind")])
    said = [problem.sentence for problem in check_classes(labels)]
    assert said[0] == "Task 'mask' has 2 classes, by pixels (0: 34, 1: 6)."
    assert "1 class with fewer than 10 pixels: '1' (6)" in said[1]
    assert said[2] == "Task 'tags' has 2 classes, by words (X: 12, Y: 12)."
    assert said[3] == "Task 'kind' has 2 classes (x: 6, y: 6)."
    assert "fewer than 10 rows" in said[4]
