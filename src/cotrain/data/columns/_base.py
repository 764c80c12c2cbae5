"""What every kind of input column is: statistics from the training rows, then arrays for the network.

Shapes: B rows, n numbers, m missing-value indicators, c codes, M tokens; W words of all rows together, of
L characters each.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, ClassVar, Self, final

import numpy as np
import polars as pl

from cotrain._base import DataError, PictureSpec, SubwordSpec, parameters_of
from cotrain._base._lazy import Lazy
from cotrain._base._ragged import Ragged

#: Most bins of a number whose edges an encoder may ask for.
BINS = 48


@dataclass(frozen=True)
class Parts:
    """What one column contributes to the inputs; `None` = nothing.

    Args:
        numbers: float32 [B, n].
        indicators: float32 [B, m], 1 where the value is missing.
        codes: int64 [B, c], each in [0, cardinality).
        tokens: int64 [B, M], each in [0, n_tokens), 0 = padding.
        lengths: int64 [B], number of words of each row.
        words: int64 [W], each in [1, n_words), the rows' words one after the other.
        characters: int32 [W, L], each in [0, n_characters), 0 = padding.
        firsts: int32 [W, 2], number and place in its row of each word's first subword.
        piece_lengths: int64 [B], number of further subwords of each row.
        pieces: int32 [Q, 2], number and place of those.
        pictures: uint8 or uint16 [B, C, H, W], or as many that are still to be decoded.
        sounds: B ragged rows of samples, float32, or as many that are still to be decoded.

    Example:
        >>> Parts(numbers=np.zeros((5, 1), np.float32)).codes is None
        True
    """

    numbers: np.ndarray | None = None
    indicators: np.ndarray | None = None
    codes: np.ndarray | None = None
    tokens: np.ndarray | None = None
    lengths: np.ndarray | None = None
    words: np.ndarray | None = None
    characters: np.ndarray | None = None
    firsts: np.ndarray | None = None
    piece_lengths: np.ndarray | None = None
    pieces: np.ndarray | None = None
    pictures: np.ndarray | Lazy | None = None
    sounds: Ragged | Lazy | None = None


class Column(ABC):
    """One input column of the table and how it is coded.

    The constructor takes options only; `fit` learns `state`, a dict of plain JSON values.

    Args:
        name: name of the column.
    """

    #: Width of `Parts.numbers`, `Parts.indicators`, sizes of `Parts.codes`, number of tokens, of different
    #: words and of different characters. Known after `fit`.
    n_numbers: int = 0
    n_indicators: int = 0
    cardinalities: tuple[int, ...] = ()
    n_tokens: int = 0
    n_words: int = 0
    n_characters: int = 0
    #: What is known of the column's subwords after `fit`; `None`: it has none.
    subwords: SubwordSpec | None = None
    #: Whether its subwords are those of words, which are positions of their own.
    of_words: bool = False
    #: What is known of the column's pictures after `fit`; `None`: it has none.
    picture: PictureSpec | None = None
    #: Samples a second of the column's sounds, known after `fit`; 0: it has none.
    sound_rate: int = 0
    #: The option that limits how much of a row is read; empty where all is.
    cut_by: ClassVar[str] = ""
    #: What it limits the number of.
    entries: ClassVar[str] = "values"

    def __init__(self, name: str) -> None:
        self.name = name
        self.state: dict[str, Any] = {}

    def agree(self, columns: Sequence[Column], frame: pl.DataFrame) -> None:  # noqa: B027
        """Settle with the other columns what only together fits, before any of them learns; default nothing.

        Args:
            columns: all of the schema, this one among them.
            frame: the training rows.
        """

    @abstractmethod
    def learn(self, values: pl.Series) -> dict[str, Any]:
        """Return the state that these training values give."""

    @abstractmethod
    def settle(self) -> None:
        """Set the sizes that follow from `state`."""

    @abstractmethod
    def encode(self, values: pl.Series) -> Parts:
        """Code the values of B rows.

        Raises:
            DataError: values cannot be read as this kind.
        """

    def encode_value(self, value: str | float | None) -> Parts | None:
        """Code one value as `encode` codes a column of it, faster; `None`: only `encode` can.

        Args:
            value: a number, an ASCII text with nothing blank around it, or `None` where it is missing.
        """
        return None

    def encode_list(self, value: list[str | None]) -> Parts | None:
        """Code one list of strings as `encode` codes a column of it, faster; `None`: only `encode` can."""
        return None

    def word_counts(self, values: pl.Series) -> np.ndarray | None:
        """Return how many words each row has, read or not, int64 [B]; `None`: the column is not of words."""
        return None

    def terms(self, values: pl.Series) -> pl.DataFrame | None:
        """Return what a linear model counts of B rows, the columns `row` and `term`; `None`: nothing.

        Args:
            values: of the column.
        """
        return None

    @property
    def cut(self) -> int:
        """Training rows of which not all is read; known after `fit`."""
        return 0

    @property
    def cut_remark(self) -> str:
        """What becomes of the rest of such rows, and what to do about it."""
        kind = type(self).__name__.lower()
        return f"the rest is cut: set columns: {{{self.name}: {{kind: {kind}, {self.cut_by}: ...}}}}"

    @final
    def fit(self, values: pl.Series) -> Self:
        """Learn from the training rows' values and return self."""
        self.state = self.learn(values)
        self.settle()
        if self.n_numbers:
            self.state["quantiles"] = _quantiles(self.encode(values))
        return self

    @property
    def edges(self) -> tuple[tuple[float, ...], ...]:
        """Per number of `Parts.numbers` its quantiles among the training rows, rising.

        Raises:
            DataError: they are none.
        """
        kept = self.state.get("quantiles", [[]] * self.n_numbers) if self.n_numbers else []
        try:
            # Networks read them as float32, in which they must differ.
            rising = [
                all(a < b for a, b in pairwise(map(np.float32, one))) and len(one) <= BINS + 1 for one in kept
            ]
            right = len(kept) == self.n_numbers and all(rising)
            found = tuple(tuple(float(edge) for edge in one) for one in kept)
        except (TypeError, ValueError, OverflowError):
            right, found = False, ()
        if not right:
            raise DataError(f"The schema is damaged: the quantiles of column {self.name!r} do not rise.")
        return found

    @final
    def require_size(self, key: str, *, most: int) -> int:
        """Return a size that `learn` found, before anything of that size is made.

        Args:
            key: in `state`.
            most: the largest value that `learn` gives.

        Raises:
            DataError: it is no whole number in [0, most].
        """
        size = self.state[key]
        if isinstance(size, bool) or not isinstance(size, int) or not 0 <= size <= most:
            raise DataError(
                f"The schema is damaged: {key} of column {self.name!r} is {size!r}, the most is {most}."
            )
        return size

    @final
    def to_json(self) -> dict[str, Any]:
        """Return options and state as plain JSON values."""
        return {"options": parameters_of(self), "state": self.state}

    @final
    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """Make the column that `to_json` described."""
        column = cls(**saved["options"])
        column.state = dict(saved["state"])
        column.settle()
        return column


def _quantiles(parts: Parts) -> list[list[float]]:
    """Return the edges of up to `BINS` bins with as many of the training rows each, per number."""
    numbers = np.zeros((0, 0), np.float32) if parts.numbers is None else parts.numbers
    # A hundred thousand rows tell the quantiles well enough.
    rows = numbers[:: max(1, len(numbers) // 100_000)]
    shares = np.linspace(0, 1, BINS + 1)
    return [
        np.unique(np.quantile(column, shares).astype(np.float32)).tolist() if len(rows) else []
        for column in rows.T
    ]
