"""Where tasks that look at the same picture contradict one another: boxes in which a mask has nothing."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from cotrain._base import numpy_generator
from cotrain.learner import Learner
from cotrain.tasks import Exhibit, Exhibiting, Task

#: Rows that are looked at, and rows that are named.
LOOKED_AT, NAMED = 400, 5


def disagreements_of(learner: Learner, rows: pl.DataFrame, numbers: np.ndarray) -> list[dict[str, Any]]:
    """Return how far predicted boxes and predicted masks of the same pictures contradict each other.

    The commonest class of all predicted masks is taken for the ground. A box contradicts a mask if the mask
    has nothing but ground in it, and a pixel of anything else contradicts the boxes if it lies in none.

    Args:
        learner: fitted on a table.
        rows: of which up to 400, drawn by lot, are looked at.
        numbers: how the rows are called, see `SplitTable.places`.

    Returns:
        A record for each pair of a task of boxes and a task of masks of the same picture: `boxes` and
        `mask` (names), `ground` (a class of the mask), `n_boxes`, `empty_boxes` (those without a pixel),
        `n_pixels` (of anything but ground), `outside` (those in no box), and `rows`: of up to five
        rows with the most empty boxes, the worst first.
    """
    schema = learner.preprocessor.schema
    pictures = [] if schema is None else [one.name for one in schema.columns if one.picture is not None]
    only = pictures[0] if len(pictures) == 1 else None
    drawing = [
        task for task in learner.preprocessor.tasks if task.reads == "map" and isinstance(task, Exhibiting)
    ]
    if len(drawing) < 2 or not rows.height:
        return []
    drawn = np.sort(numpy_generator("disagreements").permutation(rows.height)[:LOOKED_AT])
    said = learner.predict(rows[drawn])
    seen = {task.name: _seen(task, said) for task in drawing}
    kinds = {name: {one.kind for one in of if one is not None} for name, of in seen.items()}
    found = []
    for boxes, mask in itertools.permutations(drawing, 2):
        same = (boxes.position_column or only) == (mask.position_column or only)
        if same and kinds[boxes.name] == {"boxes"} and kinds[mask.name] == {"mask"}:
            record = _compared(seen[boxes.name], seen[mask.name], numbers[drawn].tolist())
            ground = mask.class_names[record["ground"]] if mask.class_names else str(record["ground"])
            found.append({"boxes": boxes.name, "mask": mask.name, **record, "ground": ground})
    return found


def _seen(task: Task, said: pl.DataFrame) -> list[Exhibit | None]:
    """Return what is predicted of every row, as it is looked at."""
    assert isinstance(task, Exhibiting)
    cells = said[task.name].to_list() if task.name in said.columns else []
    return [None if cell is None else task.exhibit(cell, label=False) for cell in cells]


def _compared(
    boxes: Sequence[Exhibit | None], masks: Sequence[Exhibit | None], called: Sequence[int | str]
) -> dict[str, Any]:
    """Return the counts over the rows that have both; `ground` is a class number."""
    pairs = [
        (number, listed.boxes, mask.array)
        for number, listed, mask in zip(called, boxes, masks, strict=True)
        if listed is not None and mask is not None and mask.array is not None
    ]
    pixels = sum((np.bincount(mask.ravel(), minlength=256) for _, _, mask in pairs), np.zeros(256, np.int64))
    ground = int(pixels.argmax())
    empty_of_row: dict[int | str, int] = {}
    n_boxes = outside = 0
    for number, listed, mask in pairs:
        thing, inside = mask != ground, np.zeros(mask.shape, bool)
        for box in listed:
            area = _area(box, mask.shape)
            inside[area] = True
            empty_of_row[number] = empty_of_row.get(number, 0) + int(not thing[area].any())
        n_boxes += len(listed)
        outside += int((thing & ~inside).sum())
    worst = sorted(
        (number for number, empty in empty_of_row.items() if empty), key=lambda n: -empty_of_row[n]
    )
    return {
        "ground": ground,
        "n_boxes": n_boxes,
        "empty_boxes": sum(empty_of_row.values()),
        "n_pixels": int(pixels.sum() - pixels[ground]),
        "outside": outside,
        "rows": worst[:NAMED],
    }


def _area(box: Mapping[str, Any], shape: tuple[int, int]) -> tuple[slice, slice]:
    """Return the rows and columns of all pixels that a box touches."""
    x, y, width, height = box["box"]
    top, left = max(0, math.floor(y)), max(0, math.floor(x))
    return slice(top, min(shape[0], math.ceil(y + height))), slice(left, min(shape[1], math.ceil(x + width)))
