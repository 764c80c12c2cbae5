"""How large the pictures are that labels in pixels lie in."""

from __future__ import annotations

from typing import Any, final

import polars as pl

from cotrain._base import DataError, RowError, did_you_mean
from cotrain._base._pictures import picture_sizes


@final
class PictureSizes:
    """Sizes by columns width and height, or else by the pictures of a column.

    Args:
        task: named in errors.
        column: of the labels; only rows with a label have a size that matters.
        picture: the column of pictures that the user named; `None`: none.

    Example:
        >>> frame = pl.DataFrame({"boxes": ["[]", None], "width": [8, 8], "height": [6, 6]})
        >>> PictureSizes("boxes", "boxes", None).of(frame)
        [(6, 8), (1, 1)]
    """

    def __init__(self, task: str, column: str, picture: str | None) -> None:
        self.task, self.column, self.picture = task, column, picture
        #: The only column of pictures, where nothing else says how large they are.
        self.found: str | None = None

    def lacking(self, frame: pl.DataFrame) -> bool:
        """Return whether neither the user nor the table says how large the pictures are."""
        return self.picture is None and not {"width", "height"} <= set(frame.columns)

    def of(self, frame: pl.DataFrame) -> list[tuple[int, int]]:
        """Return height and width of every row's picture, (1, 1) of rows without a label.

        Raises:
            DataError: the size of a picture with a label is not known.
        """
        labelled = self.labelled(frame)
        if self.picture is None and not self.lacking(frame):
            sides = zip(labelled, frame["height"].to_list(), frame["width"].to_list(), strict=True)
            return [self._stated(row, *known) for row, known in enumerate(sides)]
        picture = self.picture or self.found
        if picture is None or picture not in frame.columns:
            name = picture or "picture"
            raise DataError(
                f"Task {self.task!r}: how large a picture is is not known: give columns width and height, or "
                f"picture=, the column of the picture; {did_you_mean(name, frame.columns)}"
            )
        cells = [cell if known else None for cell, known in zip(frame[picture], labelled, strict=True)]
        return picture_sizes(cells, (1, 1), f"Task {self.task!r}")

    def stated(self, frame: pl.DataFrame) -> list[tuple[int, int] | None]:
        """Return height and width of labelled rows where columns say them; `None` of all others."""
        if self.picture is not None or self.lacking(frame):
            return [None] * frame.height
        found = zip(self.of(frame), self.labelled(frame), strict=True)
        return [size if known else None for size, known in found]

    def labelled(self, frame: pl.DataFrame) -> list[bool]:
        """Return which rows have a cell, be it an empty list."""
        column = frame[self.column]
        return (column.is_not_null() if column.dtype != pl.String else column.fill_null("") != "").to_list()

    def _stated(self, row: int, labelled: bool, height: Any, width: Any) -> tuple[int, int]:
        if not labelled:
            return 1, 1  # nothing is measured by it
        if height is None or width is None or min(height, width) < 1:
            raise RowError(
                f"Task {self.task!r}, row {{row}}: the picture of the labels in {self.column!r} has the "
                f"height {height!r} and width {width!r}, expected both in pixels: fill them in, or empty the "
                "cell.",
                row,
            )
        return int(height), int(width)
