import json

import numpy as np
import polars as pl
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.comparison import check_data
from cotrain.learner import Configuration


@pytest.mark.parametrize("options", [{}, {"test": 0}, {"validation": 0}, {"test": 0, "validation": 0}])
def test_rows_are_divided_as_training_would_also_into_parts_without_any(tmp_path, options):
    frame = pl.DataFrame(
        {"x": [i / 7 for i in range(40)], "y": [None if i % 4 == 0 else i % 2 for i in range(40)]}
    )
    frame.write_parquet(tmp_path / "t.parquet")
    tasks = [{"kind": "Binary", "name": "y"}]
    config = {"data": str(tmp_path / "t.parquet"), "tasks": tasks, "split": options}
    report = check_data(Configuration.from_config(config))
    assert (report.n_rows, report.n_unlabelled) == (40, 10)
    assert sum(report.coverage["y"].values()) == 30
    for part in ("test", "validation"):
        assert (report.coverage["y"][part] == 0) == (options.get(part) == 0)
    assert [column["column"] for column in report.columns] == ["x"]
    json.dumps(report.to_json())


def test_a_mask_in_one_of_several_pictures_has_to_say_in_which(tmp_path):
    pytest.importorskip("PIL")
    from PIL import Image

    for row in range(12):
        for name in ("front", "side", "mask"):
            Image.fromarray(np.full((4, 4), row % 2, np.uint8)).save(tmp_path / f"{name}{row}.png")
    rows = [
        ",".join(f"{tmp_path}/{name}{row}.png" for name in ("front", "side", "mask")) for row in range(12)
    ]
    (tmp_path / "t.csv").write_text("\n".join(["front,side,mask", *rows]))
    values = {
        "data": str(tmp_path / "t.csv"),
        "columns": {"front": "picture", "side": "picture"},
        "references": "constant",
    }
    task = {"kind": "Segmentation", "name": "mask"}
    with pytest.raises(InvalidArgumentError, match="say in which, as in picture: front"):
        check_data(Configuration.from_config({**values, "tasks": [task]}))
    named = {**task, "picture": "side"}
    assert check_data(Configuration.from_config({**values, "tasks": [named]})).n_rows == 12


def test_things_in_the_only_picture_are_checked_as_they_are_learned(tmp_path):
    """Nobody says how large the pictures are: it is looked up, as a fit does."""
    pytest.importorskip("PIL")
    from PIL import Image

    kinds = {"boxes": ("Detection", {"box": [1, 1, 4, 4]}), "points": ("Keypoints", {"point": [1, 1]})}
    for row in range(12):
        Image.fromarray(np.full((8, 9), row, np.uint8)).save(tmp_path / f"{row}.png")
    cells = {name: [json.dumps([{**thing, "label": "a"}])] * 12 for name, (_, thing) in kinds.items()}
    pl.DataFrame({"file": [f"{row}.png" for row in range(12)], **cells}).write_csv(tmp_path / "t.csv")
    tasks = [{"kind": kind, "name": name} for name, (kind, _) in kinds.items()]
    config = {"data": str(tmp_path / "t.csv"), "tasks": tasks, "references": "constant"}
    report = check_data(Configuration.from_config(config))
    assert [problem for problem in report.problems if problem["severity"] == "error"] == []
    counts = {name: sum(parts.values()) for name, parts in report.coverage.items()}
    assert counts == {"boxes": 12, "points": 12}
