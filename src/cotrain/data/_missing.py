"""Which words say that a cell is empty: one list for every source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import polars as pl

from cotrain._base import DataError, InvalidArgumentError, did_you_mean

#: A word, or a number that stands for nothing, such as -999.
Word = str | int | float

#: What pandas takes for missing in a file, and "?", the mark of the UCI repository.
WORDS = (
    "#N/A",
    "#N/A N/A",
    "#NA",
    "-1.#IND",
    "-1.#QNAN",
    "-NaN",
    "-nan",
    "1.#IND",
    "1.#QNAN",
    "<NA>",
    "?",
    "N/A",
    "NA",
    "NULL",
    "NaN",
    "NaT",
    "None",
    "n/a",
    "nan",
    "null",
)
#: The key of a mapping that stands for every column without a list of its own.
OTHERS = "*"


@final
class Missing:
    """The words that mean "nothing", per column.

    An empty cell, or one with nothing but spaces, is missing whatever the words are. A word that spells a
    number is missing as a number, too: "-999" takes out -999 and -999.0.

    Args:
        words: a list for all columns; or column -> list, with "*" for the columns that are not named;
            `None`: `WORDS`. An empty list says that every word is a value.

    Raises:
        InvalidArgumentError: a list is none, or a word is neither text nor a number.

    Example:
        >>> missing = Missing({"country": []})
        >>> missing.of("country"), "NA" in missing.of("city")
        ((), True)
    """

    def __init__(self, words: Sequence[Word] | Mapping[str, Sequence[Word]] | None = None) -> None:
        lists = dict(words) if isinstance(words, Mapping) else {} if words is None else {OTHERS: words}
        self._lists = {column: _checked(column, given) for column, given in lists.items()}
        self._lists.setdefault(OTHERS, WORDS)

    def of(self, column: str) -> tuple[str, ...]:
        """Return the words of a column."""
        return self._lists.get(column, self._lists[OTHERS])

    def require(self, columns: Sequence[str]) -> None:
        """Raise `DataError` if words are given for a column that there is not, where they say nothing."""
        for column in self._lists:
            if column != OTHERS and column not in columns:
                raise DataError(
                    f"missing: gives words for {column!r}, which is no column; "
                    f"{did_you_mean(column, columns)}"
                )

    def to_json(self) -> dict[str, list[str]]:
        """Return the lists as plain values, from which an equal object can be made."""
        return {column: list(words) for column, words in self._lists.items()}

    def blanked(self, frame: pl.DataFrame) -> pl.DataFrame:
        """Return columns of text and numbers, null where they are missing; lists and all else as they are."""
        columns = []
        for column in frame.get_columns():
            if column.dtype == pl.String:
                column = self.blank_text(column)[0]
            elif column.dtype.is_numeric():
                column = self.blank_numbers(column)[0]
            columns.append(column)
        return frame.with_columns(columns)

    def blank_text(self, text: pl.Series) -> tuple[pl.Series, dict[str, int]]:
        """Return the text without spaces around it, null where it is missing; and word -> cells taken out."""
        text = text.str.strip_chars()
        words = self.of(text.name)
        if words:
            hits = text.is_in(list(words))
            found = text.filter(hits)
            text = text.set((hits | (text == "")).fill_null(False), None)
        else:
            found, text = text.head(0), text.set((text == "").fill_null(False), None)
        counts = found.alias("word").value_counts(sort=True) if len(found) else None
        return text, {} if counts is None else dict(counts.iter_rows())

    def blank_numbers(self, numbers: pl.Series) -> tuple[pl.Series, dict[str, int]]:
        """Return the numbers, null where they are missing; and word -> cells taken out."""
        counts = {}
        for word, value in self._numbers(numbers.name).items():
            hits = (numbers == value).fill_null(False)
            if hits.any():
                counts[word] = int(hits.sum())
                numbers = numbers.set(hits, None)
        return numbers, counts

    def _numbers(self, column: str) -> dict[str, float]:
        values = {}
        for word in self.of(column):
            try:
                value = float(word)
            except ValueError:
                continue
            if value == value:
                values[word] = value
        return values


def _checked(column: str, words: object) -> tuple[str, ...]:
    where = "missing" if column == OTHERS else f"missing[{column!r}]"
    if isinstance(words, str) or not isinstance(words, Sequence):
        raise InvalidArgumentError(f"{where} must be a list of words such as ['NA', '?'], got {words!r}.")
    for word in words:
        if isinstance(word, bool) or not isinstance(word, str | int | float):
            raise InvalidArgumentError(
                f"{where} must hold words and numbers, got {word!r}: put it in quotes."
            )
    return tuple(str(word).strip() for word in words)
