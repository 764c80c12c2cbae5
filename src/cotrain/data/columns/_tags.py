"""A column of separated values."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import polars as pl

from cotrain._base import InvalidArgumentError
from cotrain.data.columns._base import Column, Parts
from cotrain.data.columns._number_lists import number_words
from cotrain.data.columns._tokens import FIRST, HASH, MISSING, buckets_for, hash_token, pad, require_hash
from cotrain.data.columns._values import text_values
from cotrain.data.columns._word_lists import json_lists

#: Most numbers in the padded table of a column, 8 bytes each, by default: half a gigabyte.
ROOM = 2**26
#: Commas and semicolons of East Asian texts, which separate names like their Western kin.
_FULL_WIDTH = {",": ",，、", ";": ";；", "|": "|｜", "/": "/／"}


@final
class Tags(Column):
    """A set of names per row, such as "Action, Drama": a token per frequent name, the rest hashed.

    A text that is a JSON list of strings or of numbers is read as that list.

    Args:
        name: name of the column.
        separator: what stands between the names; of no meaning where the column holds lists.
        min_count: a name seen less often in training is hashed; ≥ 1; `None`: 2, or 3 from 2,000 rows on.
        max_values: the most names with a token of their own; ≥ 1.
        max_tokens: the most names read per row; ≥ 1; `None`: all, as long as the table of N rows has room
            for them, see `ROOM`. `cut` says how many rows lose some.

    Raises:
        InvalidArgumentError: an argument is below 1, or the separator is empty.

    Example:
        >>> column = Tags("genres", min_count=1).fit(pl.Series("genres", ["Action, Drama", "Drama"]))
        >>> column.encode(pl.Series("genres", ["Drama", "Drama, Action", None])).tokens.tolist()
        [[3, 0], [3, 2], [1, 0]]
    """

    cut_by = "max_tokens"
    entries = "names"

    def __init__(
        self,
        name: str,
        *,
        separator: str = ",",
        min_count: int | None = None,
        max_values: int = 10_000,
        max_tokens: int | None = None,
    ) -> None:
        super().__init__(name)
        for what, value in (("min_count", min_count), ("max_values", max_values), ("max_tokens", max_tokens)):
            if value is not None and value < 1:
                raise InvalidArgumentError(f"Column {name!r}: {what} is {value!r}, expected at least 1.")
        if not separator:
            raise InvalidArgumentError(f"Column {name!r}: separator must not be empty, got {separator!r}.")
        self.separator = separator
        self.min_count = min_count
        self.max_values = max_values
        self.max_tokens = max_tokens

    def learn(self, values: pl.Series) -> dict[str, Any]:
        """Learn the names that get tokens, and how many a row has."""
        tags = split_tags(values, self.separator)
        least = self.min_count if self.min_count is not None else (2 if len(values) < 2000 else 3)
        counts = tags["tag"].alias("value").value_counts(name="count")
        frequent = counts.filter(pl.col("count") >= least).sort(["count", "value"], descending=[True, False])
        names = frequent["value"].head(self.max_values).sort().to_list()
        sizes = np.bincount(tags["row"].to_numpy(), minlength=1)
        width = min(self.max_tokens or max(32, ROOM // max(1, len(values))), max(1, int(sizes.max())))
        return {
            "values": names,
            # Eight rare names to a bucket: together they say about as much as one frequent one.
            "buckets": buckets_for((counts.height - len(names)) // 8, 1, 1024),
            "width": width,
            "cut": int((sizes > width).sum()),
            "hash": HASH,
        }

    def settle(self) -> None:
        """Set the size."""
        require_hash(self.name, self.state)
        self.require_size("width", most=self.max_tokens or ROOM)
        buckets = self.require_size("buckets", most=1024)
        self.n_tokens = FIRST + len(self.state["values"]) + buckets
        self._token_of = {name: number for number, name in enumerate(self.state["values"], FIRST)}

    @property
    def cut(self) -> int:
        """Training rows that have more names than are read; known after `fit`."""
        return int(self.state.get("cut", 0))

    def encode(self, values: pl.Series) -> Parts:
        """Number the names; without `max_tokens` rows of more names than training had keep theirs, too."""
        tags = split_tags(values, self.separator)
        token_of = {name: number for number, name in enumerate(self.state["values"], FIRST)}
        first_bucket, buckets = FIRST + len(token_of), self.state["buckets"]
        names = tags["tag"].unique().to_list()
        numbers = [token_of.get(name, first_bucket + hash_token(name, buckets)) for name in names]
        tokens = tags["tag"].replace_strict(names, numbers, return_dtype=pl.Int64).to_numpy()
        rows, width = tags["row"].to_numpy(), self.state["width"]
        if self.max_tokens is None and len(rows):
            width = max(width, min(int(np.bincount(rows).max()), ROOM // len(values)))
        padded = pad(rows, tokens, len(values), width)
        padded[padded[:, 0] == 0, 0] = MISSING
        return Parts(tokens=padded)

    def terms(self, values: pl.Series) -> pl.DataFrame:
        """Return the names."""
        return split_tags(values, self.separator).rename({"tag": "term"})

    def encode_value(self, value: str | float | None) -> Parts | None:
        """Number the names of one row; ASCII has no full-width separators."""
        if isinstance(value, int | float):
            return None
        if value and value.startswith("["):
            return None
        names = [name.strip(" \t\n\r\x0b\x0c") for name in (value or "").split(self.separator)]
        first_bucket, buckets = FIRST + len(self.state["values"]), self.state["buckets"]
        tokens = [
            self._token_of.get(name, first_bucket + hash_token(name, buckets)) for name in names if name
        ]
        width = self.state["width"]
        if self.max_tokens is None:
            width = max(width, min(len(tokens), ROOM))
        padded = np.zeros((1, width), dtype=np.int64)
        padded[0, : len(tokens)] = tokens[:width]
        if not tokens:
            padded[0, 0] = MISSING
        return Parts(tokens=padded)


def split_tags(values: pl.Series, separator: str) -> pl.DataFrame:
    """Return the columns `row` (ascending) and `tag`, one line per name, without blanks."""
    if isinstance(values.dtype, pl.List | pl.Array):
        lists = values.cast(pl.List(pl.String))
    else:
        text = text_values(values)
        for mark in _FULL_WIDTH.get(separator.strip(), "")[1:]:
            text = text.str.replace_all(mark, separator, literal=True)
        lists, spelled = text.str.split(separator), json_lists(text_values(values))
        lists = lists if spelled is None else spelled.zip_with(spelled.is_not_null(), lists)
        numbers = number_words(text)
        lists = numbers.zip_with(numbers.is_not_null(), lists)
    frame = pl.DataFrame({"row": pl.int_range(len(values), eager=True), "tag": lists}).drop_nulls("tag")
    frame = frame.explode("tag").with_columns(pl.col("tag").str.strip_chars())
    return frame.filter(pl.col("tag").is_not_null() & (pl.col("tag") != ""))
