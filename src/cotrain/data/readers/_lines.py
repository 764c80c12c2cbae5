"""Rows and cells of delimited text, counted over the whole file at once."""

from __future__ import annotations

from typing import final

import numpy as np

from cotrain._base import DataError

_NEWLINE, _RETURN, _QUOTE = 10, 13, 34
_BLANK = b" \r\t"


@final
class Lines:
    r"""Where the rows of delimited text begin and how many cells they have; quotes may hold line breaks.

    Args:
        data: the file, UTF-8.

    Example:
        >>> Lines(b'"Price, EUR";Area\n1,5;2\n').separator(";,")
        ';'
    """

    def __init__(self, data: bytes) -> None:
        self._data = data if data.endswith(b"\n") else data + b"\n"
        self._bytes = np.frombuffer(self._data, dtype=np.uint8)
        self._quotes = np.flatnonzero(self._bytes == _QUOTE)
        self._inside = self._within_quotes()
        self._ends = self._outside(_NEWLINE)
        self._starts = np.concatenate([[0], self._ends[:-1] + 1])
        self._counted: dict[str, np.ndarray] = {}

    def separator(self, candidates: str) -> str:
        """Return the first candidate that divides all rows as it divides the header; else the likeliest."""
        shares = {}
        for candidate in candidates:
            counts = self._counts(candidate)
            counts = counts[self._filled(candidate)]
            shares[candidate] = float((counts == counts[0]).mean()) if len(counts) and counts[0] else 0.0
        best = max(shares.values())
        if best == 0:
            return ","
        return next(candidate for candidate, share in shares.items() if share == best)

    def regular(self, separator: str) -> bool:
        """Whether every quote opens or closes a cell, or is one of a pair inside of it."""
        opening, closing = self._quotes[0::2], self._quotes[1::2]
        mark = ord(separator)
        before = np.where(opening > 0, self._bytes[opening - 1], _NEWLINE)
        after = self._bytes[np.minimum(closing + 1, len(self._bytes) - 1)]
        return bool(
            np.isin(before, [mark, _NEWLINE, _QUOTE]).all()
            and np.isin(after, [mark, _NEWLINE, _RETURN, _QUOTE]).all()
        )

    def require_even(self, separator: str, name: str) -> None:
        """Raise `DataError` if a row has another number of cells than the header, or quotes do not end."""
        counts, filled = self._counts(separator), self._filled(separator)
        expected = counts[filled][0] if filled.any() else 0
        wrong = np.flatnonzero(filled & (counts != expected))
        if len(wrong):
            row = int(wrong[0])
            line = self._line(int(self._starts[row]))
            raise ragged(name, line, int(counts[row]) + 1, int(expected) + 1)
        if len(self._quotes) % 2:
            line = self._line(int(self._quotes[-1]))
            raise DataError(
                f"Cannot read {name}: the quotes that open in line {line} are never closed: the file is cut "
                "off, or a quote is missing."
            )

    def header(self, separator: str) -> str:
        """Return the text of the first row."""
        filled = np.flatnonzero(self._filled(separator))
        if not len(filled):
            return ""
        return self._data[self._starts[filled[0]] : self._ends[filled[0]]].decode().rstrip("\r")

    def n_rows(self, separator: str) -> int:
        """Return the number of rows below the header, blank lines left out."""
        return max(0, int(self._filled(separator).sum()) - 1)

    def without_blanks(self, separator: str) -> bytes:
        """Return the text without blank lines."""
        filled = self._filled(separator)
        if filled.all():
            return self._data
        parts = [
            self._data[start : end + 1]
            for start, end in zip(self._starts[filled], self._ends[filled], strict=True)
        ]
        return b"".join(parts)

    def _within_quotes(self) -> np.ndarray | None:
        if not len(self._quotes):
            return None
        # A byte that wraps keeps its last bit.
        return (np.cumsum(self._bytes == _QUOTE, dtype=np.uint8) & 1).astype(bool)

    def _outside(self, byte: int) -> np.ndarray:
        found = self._bytes == byte
        if self._inside is not None:
            found &= ~self._inside
        places = np.flatnonzero(found)
        if byte == _NEWLINE and (not len(places) or places[-1] != len(self._bytes) - 1):
            # Quotes that are never closed swallow the last line break.
            places = np.append(places, len(self._bytes) - 1)
        return places

    def _counts(self, separator: str) -> np.ndarray:
        """Return the number of separators per row."""
        if separator not in self._counted:
            places = self._outside(ord(separator))
            upto = np.searchsorted(places, self._ends)
            self._counted[separator] = np.diff(upto, prepend=0)
        return self._counted[separator]

    def _filled(self, separator: str) -> np.ndarray:
        """Return per row whether it holds anything; in a table of one column a blank line is a cell."""
        counts = self._counts(separator)
        filled = np.ones(len(counts), dtype=bool)
        for row in np.flatnonzero(counts == 0):
            filled[row] = bool(self._data[self._starts[row] : self._ends[row]].strip(_BLANK))
        with_text = np.flatnonzero(filled)
        if len(with_text) and not counts[with_text[0] :].any():
            filled[with_text[0] :] = True
        return filled

    def _line(self, place: int) -> int:
        return self._data.count(b"\n", 0, place) + 1


def ragged(name: str, line: int, found: int, expected: int) -> DataError:
    """Return the error about a row that has another number of cells than the header."""
    cut = "the file may be cut off, or " if found < expected else ""
    return DataError(
        f"Cannot read {name}: line {line} has {found} cell{'s' * (found != 1)}, the header has {expected}: "
        f"{cut}a separator or quotes are missing or too many there."
    )
