"""Whether labels lie in pictures the way that these are shown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import polars as pl

from cotrain._base import RowError, row_called
from cotrain._base._pictures import picture_sizes
from cotrain.data import TypedTable
from cotrain.tasks import Task

#: A ratio of height to width is that of another one if they differ by less than this factor; one nearer to 1
#: than its square does not say which way a picture stands.
_ALIKE = 1.05


@runtime_checkable
class SizedLabels(Protocol):
    """A kind of task whose labels say how large the picture is that they lie in."""

    def label_sizes(self, frame: pl.DataFrame) -> Sequence[tuple[int, int] | None]:
        """Return height and width in pixels for each row; `None`: its label does not say."""


def require_upright(tasks: Sequence[Task], pictures: Sequence[str], frame: pl.DataFrame) -> None:
    """Raise `DataError` if a label lies in a picture that stands on its side.

    Pictures are shown as their EXIF entry says. Labels that were drawn before it was heeded, and a width
    and height that are exchanged, would be stretched into the picture and lie elsewhere.

    Args:
        tasks: those count whose labels say how large they are.
        pictures: the columns of pictures.
        frame: the rows.
    """
    for task, name, row, label, picture in _sizes(tasks, pictures, frame):
        if _on_its_side(label, picture):
            raise RowError(
                f"Task {task.name!r}, row {{row}}: the label lies in a picture of {label[1]}×{label[0]} "
                f"pixels, and that of {name!r} is shown as {picture[1]}×{picture[0]}, turned by its EXIF "
                "entry or because width and height are exchanged: save the picture as its label sees it, "
                "or empty the cell.",
                row,
            )


def stretched_labels(tasks: Sequence[Task], pictures: Sequence[str], table: TypedTable) -> list[str]:
    """Return for each task whose labels lie in pictures of another shape what becomes of them.

    That may be meant, where masks were saved as squares; or the masks are those of other pictures.

    Args:
        tasks: those count whose labels say how large they are.
        pictures: the columns of pictures.
        table: the rows.
    """
    found: dict[str, list[tuple[int | str, str]]] = {}
    numbers = range(table.height) if table.rows is None else table.rows
    for task, name, row, label, picture in _sizes(tasks, pictures, table.frame):
        ratio = label[0] / label[1] * picture[1] / picture[0]
        if abs(math.log(ratio)) > math.log(_ALIKE):
            beside = f"{label[1]}×{label[0]} beside {picture[1]}×{picture[0]} pixels of {name!r}"
            found.setdefault(task.name, []).append((row_called(int(numbers[row]), table.tables), beside))
    return [
        f"task {task!r}: the labels of {len(rows):,} rows lie in a picture of another shape and are "
        f"stretched to it; row {rows[0][0]} has {rows[0][1]}"
        for task, rows in found.items()
    ]


def _sizes(
    tasks: Sequence[Task], pictures: Sequence[str], frame: pl.DataFrame
) -> Iterator[tuple[Task, str, int, tuple[int, int], tuple[int, int]]]:
    """Yield task, column of its picture, row, and height and width that its label and its picture have."""
    for task in tasks:
        name = task.position_column or (pictures[0] if len(pictures) == 1 else "")
        if not isinstance(task, SizedLabels) or name not in pictures or name not in frame.columns:
            continue
        of_label = task.label_sizes(frame)
        cells = [cell if size else None for cell, size in zip(frame[name].to_list(), of_label, strict=True)]
        shown = picture_sizes(cells, (0, 0), f"Column {name!r}")
        for row, (label, picture) in enumerate(zip(of_label, shown, strict=True)):
            if label is not None and picture[0]:
                yield task, name, row, label, picture


def _on_its_side(label: tuple[int, int], picture: tuple[int, int]) -> bool:
    one, other = math.log(label[0] / label[1]), math.log(picture[0] / picture[1])
    return abs(one + other) < math.log(_ALIKE) and abs(one) > 2 * math.log(_ALIKE)
