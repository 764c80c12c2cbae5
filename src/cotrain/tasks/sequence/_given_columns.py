"""Columns of a row that a task is given: a text as the numbers of its characters, categories and numbers.

Shapes: N rows, U units of a text, c categories, n numbers.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, Self, final

import numpy as np
import polars as pl
import torch

from cotrain._base import DataError, did_you_mean
from cotrain._base._ragged import Ragged

#: A character, or a category, that training did not have.
UNKNOWN = 0
#: The character between words, before the first and behind the last: silence, perhaps none.
BLANK = " "
#: Whole numbers of more different values are numbers, not names of something.
MOST_NAMES = 50


@final
class GivenColumns:
    """The coding of the columns that a task is given: the first is a text, the others say how it is said.

    Args:
        task: its name, for errors and for the names of the inputs.
        columns: the text, then any categories and numbers.

    Example:
        >>> given = GivenColumns("voice", ["text", "speaker"])
        >>> frame = pl.DataFrame({"text": ["ab", "b  a", None], "speaker": ["ann", "bob", "ann"]})
        >>> given.fit(frame)
        >>> inputs = given.inputs(frame)
        >>> inputs["given:voice:units"].padded().tolist(), inputs["given:voice:categories"].tolist()
        ([[1, 2, 3, 1, 0], [1, 3, 1, 2, 1], [0, 0, 0, 0, 0]], [[1], [2], [1]])
    """

    def __init__(self, task: str, columns: Sequence[str]) -> None:
        self.task = task
        self.text, *self.conditions = columns
        self.characters: list[str] = [BLANK]
        #: Condition -> its categories; of a number mean and deviation.
        self.categories: dict[str, list[str]] = {}
        self.numbers: dict[str, tuple[float, float]] = {}

    # -- coding -------------------------------------------------------------------------------------

    def fit(self, frame: pl.DataFrame) -> None:
        """Learn the characters, the categories, and the scale of the numbers.

        Raises:
            DataError: a column is absent, or a number is infinite.
        """
        self.require(frame)
        texts = [text for text in self.texts(frame) if text is not None]
        self.characters = [BLANK, *sorted(set("".join(texts)) - {BLANK})]
        self.categories, self.numbers = {}, {}
        for name in self.conditions:
            column = frame[name]
            if _is_number(column):
                values = self._finite(column).drop_nulls().to_numpy()
                deviation = float(values.std()) if len(values) else 0.0
                self.numbers[name] = (float(values.mean()) if len(values) else 0.0, deviation or 1.0)
            else:
                self.categories[name] = sorted(column.drop_nulls().cast(pl.String).unique().to_list())

    def require(self, frame: pl.DataFrame) -> None:
        """Raise `DataError` if a column is absent."""
        for name in (self.text, *self.conditions):
            if name not in frame.columns:
                raise DataError(
                    f"Task {self.task!r}: given={name!r} is not a column of the table; "
                    f"{did_you_mean(name, frame.columns)}"
                )

    def are_in(self, columns: Sequence[str]) -> bool:
        """Whether a table has all of these columns."""
        return {self.text, *self.conditions} <= set(columns)

    def texts(self, frame: pl.DataFrame) -> list[str | None]:
        """Return what is said, in lower case, blanks in runs and at the ends taken out; `None`: unknown."""
        cells = frame[self.text]
        cells = cells.cast(pl.String) if not isinstance(cells.dtype, pl.List) else cells.list.join(" ")
        return [None if cell is None else _plain(cell) for cell in cells.to_list()]

    def units(self, frame: pl.DataFrame) -> list[np.ndarray]:
        """Return the numbers of each text's characters, a blank at both ends; none where it is unknown."""
        numbers = {character: number for number, character in enumerate(self.characters, UNKNOWN + 1)}
        return [
            np.array([numbers.get(c, UNKNOWN) for c in f" {text} "] if text is not None else [], np.int64)
            for text in self.texts(frame)
        ]

    @property
    def n_units(self) -> int:
        """C, the number of different characters, the unknown one included."""
        return len(self.characters) + 1

    @property
    def optional(self) -> np.ndarray:
        """Which characters may have no frame, bool [C]: the blank."""
        return np.array([number == UNKNOWN + 1 for number in range(self.n_units)])

    def unseen(self, frame: pl.DataFrame) -> dict[str, int]:
        """Count rows with a character or a category that training did not have: "column=value" -> rows."""
        counts: dict[str, int] = {}
        for text in self.texts(frame):
            for character in sorted(set(text or "") - set(self.characters)):
                key = f"{self.text}={character}"
                counts[key] = counts.get(key, 0) + 1
        for name, known in self.categories.items():
            for value in frame[name].drop_nulls().cast(pl.String):
                if value not in known:
                    counts[f"{name}={value}"] = counts.get(f"{name}={value}", 0) + 1
        return counts

    # -- inputs -------------------------------------------------------------------------------------

    def key(self, what: str) -> str:
        """Return the name of an input of the task."""
        return f"given:{self.task}:{what}"

    def inputs(self, frame: pl.DataFrame) -> dict[str, Any]:
        """Return the inputs: characters as ragged rows, categories int64 [N, c], numbers float32 [N, n].

        Raises:
            DataError: a column is absent, or a number is infinite.
        """
        self.require(frame)
        units = [torch.from_numpy(row) for row in self.units(frame)]
        found: dict[str, Any] = {
            self.key("units"): Ragged.from_rows(units)
            if units
            else Ragged(torch.zeros(0, dtype=torch.int64), torch.zeros(1, dtype=torch.int64))
        }
        codes = [self._codes(frame[name], known) for name, known in self.categories.items()]
        if codes:
            found[self.key("categories")] = torch.from_numpy(np.stack(codes, axis=1))
        numbers = [self._standardised(frame[name], *scale) for name, scale in self.numbers.items()]
        if numbers:
            found[self.key("numbers")] = torch.from_numpy(np.stack(numbers, axis=1))
        return found

    def _codes(self, column: pl.Series, known: Sequence[str]) -> np.ndarray:
        numbers = {value: number for number, value in enumerate(known, UNKNOWN + 1)}
        return np.array(
            [numbers.get(value, UNKNOWN) for value in column.cast(pl.String).to_list()], dtype=np.int64
        )

    def _standardised(self, column: pl.Series, mean: float, deviation: float) -> np.ndarray:
        values = self._finite(column).fill_null(mean).to_numpy()
        return ((values - mean) / deviation).astype(np.float32)

    def _finite(self, column: pl.Series) -> pl.Series:
        values = column.cast(pl.Float64, strict=False).fill_nan(None)
        if values.is_infinite().any():
            raise DataError(f"Task {self.task!r}: the given column {column.name!r} has infinite values.")
        return values

    # -- state --------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return the coding as plain JSON values."""
        numbers = {name: list(scale) for name, scale in self.numbers.items()}
        return {"characters": self.characters, "categories": self.categories, "numbers": numbers}

    def load_state_dict(self, state: Mapping[str, Any]) -> Self:
        """Take over a coding."""
        self.characters = [str(character) for character in state["characters"]]
        self.categories = {name: [str(v) for v in known] for name, known in state["categories"].items()}
        self.numbers = {name: (float(a), float(b)) for name, (a, b) in state["numbers"].items()}
        return self


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).lower().split())


def _is_number(column: pl.Series) -> bool:
    return column.dtype.is_float() or (column.dtype.is_integer() and column.n_unique() > MOST_NAMES)
