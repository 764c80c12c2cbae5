"""A wrong cell is told by the number of its row in the table that was given, however that was divided."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import cotrain as ct
from cotrain._base import RowError, rows_counted_in
from cotrain.learner import Configuration, SplitTable
from cotrain.learner._fitting import FitOptions
from cotrain.learner._learner import fit_learner

#: Rows of a table, and the one with the wrong cell.
N, WRONG = 40, 23
MASK = np.tile(np.array([0, 1], np.uint8), (8, 4))
POINT = [{"label": "nose", "point": [3, 4]}]
BOX = [{"label": "cat", "box": [1, 1, 4, 4]}]
#: Kind -> its task, a right cell of its column `y`, a wrong one, and what else a row has.
KINDS: dict[str, tuple[Any, Any, Any, dict[str, Any]]] = {
    "Segmentation": (lambda **o: ct.tasks.Segmentation("y", **o), "y.png", "broken.png", {"file": "x.png"}),
    "DenseRegression": (
        lambda **o: ct.tasks.DenseRegression("y", **o),
        "y.png",
        "broken.png",
        {"file": "x.png"},
    ),
    "Detection": (
        lambda **o: ct.tasks.Detection("y", picture="file", **o),
        BOX,
        [{"label": "cat", "box": [90, 1, 4, 4]}],
        {"file": "x.png"},
    ),
    "Keypoints": (
        lambda **o: ct.tasks.Keypoints("y", picture="file", **o),
        POINT,
        [{"label": "nose", "point": [90, 4]}],
        {"file": "x.png"},
    ),
    "Tagging": (
        lambda **o: ct.tasks.Tagging("y", tokens="words", **o),
        ["a", "b"],
        ["a", "b", "a"],
        {"words": ["one", "two"]},
    ),
    "picture": (lambda **o: ct.tasks.Binary("y", **o), None, None, {"file": "x.png"}),
    "sample_weight": (lambda **o: ct.tasks.Binary("y", **o), None, None, {"x": 1.0}),
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    image = pytest.importorskip("PIL.Image")
    for name in ("x", "y"):
        image.fromarray(MASK + (name == "x")).save(tmp_path / f"{name}.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    return tmp_path


def table(kind: str, folder: Path) -> pl.DataFrame:
    _, right, wrong, beside = KINDS[kind]
    cells: list[Any] = [right] * N if right is not None else [row % 2 == 0 for row in range(N)]
    rest = {name: [value] * N for name, value in beside.items()}
    weights = [1.0] * N
    if kind == "picture":
        rest["file"][WRONG] = "broken.png"
    elif kind == "sample_weight":
        weights[WRONG] = -1.0
    else:
        cells[WRONG] = wrong
    if kind in ("Tagging",):
        cells = [
            cell[row % 2 :] + cell[: row % 2] if len(cell) == 2 else cell for row, cell in enumerate(cells)
        ]
    for column in (cells, *rest.values()):
        column[:] = [str(folder / c) if isinstance(c, str) and c.endswith("png") else c for c in column]
    # Most rows are sorted out by the condition, and the first ones have no label.
    cells[:4] = [None] * 4
    return pl.DataFrame({"y": cells, **rest, "w": weights, "here": [int(row % 3 > 0) for row in range(N)]})


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("when", [None, "here == 1"])
@pytest.mark.parametrize("validation", [0.3, "rows", None])
def test_the_row_is_that_of_the_table(kind: str, when: str | None, validation: Any, files: Path):
    frame = table(kind, files)
    weights = {"sample_weight": "w"} if kind == "sample_weight" else {}
    task = KINDS[kind][0](when=when, **weights)
    columns = {"here": "drop", **({} if kind == "sample_weight" else {"w": "drop"})}
    learner = ct.Learner([task], columns=columns, training=ct.Training(epochs=1))
    held = frame[:20] if validation == "rows" else validation
    with pytest.raises(RowError, match=rf"\brow {WRONG}\b"):
        learner.fit(frame, validation=held, progress=False)


@pytest.mark.parametrize("part", ["train", "validation"])
def test_parts_of_a_split_know_their_rows(part: str, files: Path):
    frame = table("Segmentation", files).with_columns(
        split=pl.Series([part if row == WRONG else ["train", "validation"][row % 2] for row in range(N)])
    )
    frame.write_parquet(files / "t.parquet")
    config = {
        "data": str(files / "t.parquet"),
        "split": {"column": "split"},
        "columns": {"file": "picture", "w": "drop", "here": "drop"},
        "tasks": [{"kind": "Segmentation", "name": "y"}],
    }
    configuration = Configuration.from_config(config)
    split = SplitTable.of(configuration)
    with pytest.raises(RowError, match=rf"\brow {WRONG}\b"):
        fit_learner(
            configuration.learner, split.typed("train"), split.typed("validation"), FitOptions(progress=False)
        )


def test_rows_of_parts_of_parts_are_told_by_the_whole():
    with (
        pytest.raises(RowError, match=r"^Row 14: \{row\}$"),
        rows_counted_in([2, 14, 6]),
        rows_counted_in([0, 1]),
    ):
        raise RowError("Row {row}: {row}", 1)
    found = pickle.loads(pickle.dumps(RowError("Row {row}", 3)))
    assert (str(found), found.row) == ("Row 3", 3)
