"""A column of words in order."""

from __future__ import annotations

import re
from typing import Any, Literal, final

import numpy as np
import polars as pl

from cotrain._base import DataError, InvalidArgumentError, check_choice
from cotrain.data.columns._base import Column, Parts
from cotrain.data.columns._text import word_terms
from cotrain.data.columns._word_lists import Split, best_split, count_words, word_lists

#: Numbers with a meaning of their own, of words and of characters.
PADDING, UNKNOWN, FIRST = 0, 1, 2
#: A number per word beats hashing: POS of zh_gsd .802 against .786 with 8,192 buckets and .795 with 512 for
#: the rare ones, slots of 4,000 SNIPS sentences .846, .841 and .842 (share of right tokens, mean of two
#: seeds); with a number for words that came once as well .805 and .837.

#: How ASCII texts are split: as `word_lists` does. Python's own `split` takes four control characters more
#: for blanks.
_ASCII_RUN = re.compile(r"[^ \t\n\r\x0b\x0c]+")
_ASCII_WORD = re.compile(r"\w+(?:['\-]\w+)*|[^ \t\n\r\x0b\x0c]", re.ASCII)
#: Most characters with a number of their own.
MOST_CHARACTERS = 5_000


@final
class Words(Column):
    """Words in order: a number per word in lower case, and the characters of each as it is written.

    A row of S words gives S numbers and S × 16 numbers of characters. Words that training has less than
    `min_count` times share the number of the unknown, so that it means "something rare" when a new word
    comes; what such a word looks like (capitals, digits, endings) its characters tell. Of a word of more
    characters the first and the last ones are read. A missing cell is a row of no words; a missing word in a
    list is one unknown word, so that the others keep their places.

    Args:
        name: name of the column: lists of strings, such lists spelled as JSON, or text.
        split: how text becomes words: "spaces" = at blanks; "words" = words, marks, and single characters of
            scripts without spaces; "auto": "words" where marks hang on the words of a fifth of the texts.
        min_count: a word seen less often in training is unknown; ≥ 1.
        max_values: the most words with a number of their own, the frequent ones; ≥ 1.
        characters: characters read per word, 0 = none.
        max_words: the most words read per row, the first ones; ≥ 1. `cut` says how many rows lose some.

    Raises:
        InvalidArgumentError: an argument is out of range.

    Example:
        >>> column = Words("tokens", min_count=1).fit(pl.Series("tokens", [["The", "film"], ["the", "end"]]))
        >>> parts = column.encode(pl.Series("tokens", [["The", "cat"], None, ["End"]]))
        >>> parts.lengths.tolist(), parts.words.tolist(), parts.characters.shape
        ([2, 0, 1], [4, 1, 2], (3, 16))
    """

    cut_by = "max_words"
    entries = "words"

    def __init__(
        self,
        name: str,
        *,
        split: Literal["auto", "spaces", "words"] = "auto",
        min_count: int = 2,
        max_values: int = 30_000,
        characters: int = 16,
        max_words: int = 512,
    ) -> None:
        super().__init__(name)
        check_choice(f"Column {name!r}: words", ("auto", "spaces", "words"), split=split)
        for what, value, least in (
            ("min_count", min_count, 1),
            ("max_values", max_values, 1),
            ("characters", characters, 0),
            ("max_words", max_words, 1),
        ):
            if value < least:
                raise InvalidArgumentError(
                    f"Column {name!r}: {what} is {value!r}, expected at least {least}."
                )
        self.split: Literal["auto", "spaces", "words"] = split
        self.min_count = min_count
        self.max_values = max_values
        self.characters = characters
        self.max_words = max_words

    def learn(self, values: pl.Series) -> dict[str, Any]:
        """Learn the words and characters that get numbers, and how texts are split."""
        split = best_split(values) if self.split == "auto" else self.split
        lists = word_lists(values, split)
        counts = _entries(lists).alias("word").value_counts(name="count")
        words: dict[str, int] = {}
        letters: dict[str, int] = {}
        for word, count in counts.iter_rows():
            words[word.lower()] = words.get(word.lower(), 0) + count
            for letter in _ends(word, self.characters):
                letters[letter] = letters.get(letter, 0) + count
        longest = lists.list.len().fill_null(0)
        return {
            "split": split,
            "values": _frequent(words, self.min_count, self.max_values),
            "characters": _frequent(letters, min(2, self.min_count), MOST_CHARACTERS),
            "cut": int((longest > self.max_words).sum()),
        }

    def settle(self) -> None:
        """Set the sizes."""
        if self.state["split"] not in ("spaces", "words"):
            raise DataError(f"Column {self.name!r}: text cannot be split by {self.state['split']!r}.")
        self._split: Split = self.state["split"]
        self._words = {word: number for number, word in enumerate(self.state["values"], FIRST)}
        self._letters = {letter: number for number, letter in enumerate(self.state["characters"], FIRST)}
        self.n_words = FIRST + len(self._words)
        self.n_characters = FIRST + len(self._letters) if self.characters else 0

    @property
    def cut(self) -> int:
        """Training rows that have more words than are read; known after `fit`."""
        return int(self.state.get("cut", 0))

    def encode(self, values: pl.Series) -> Parts:
        """Number words and characters."""
        lists = word_lists(values, self._split).list.head(self.max_words)
        entries = _entries(lists)
        known = entries.unique(maintain_order=True)
        index = entries.replace_strict(known, pl.int_range(len(known), eager=True), return_dtype=pl.Int64)
        place = index.to_numpy() if len(known) else np.zeros(0, dtype=np.int64)
        numbers, letters = self._numbered(known.to_list())
        lengths = lists.list.len().fill_null(0).cast(pl.Int64).to_numpy().copy()
        return Parts(
            lengths=lengths, words=numbers[place], characters=None if letters is None else letters[place]
        )

    def word_counts(self, values: pl.Series) -> np.ndarray:
        """Return how many words each row has, those beyond `max_words` too, int64 [B]."""
        return count_words(values, self._split)

    def terms(self, values: pl.Series) -> pl.DataFrame:
        """Return the words and their pairs, in lower case."""
        lists = word_lists(values, self._split).list.head(self.max_words)
        frame = pl.DataFrame({"row": pl.int_range(len(lists), eager=True), "word": lists}).drop_nulls("word")
        frame = frame.filter(pl.col("word").list.len() > 0).explode("word").fill_null("")
        return word_terms(frame.with_columns(pl.col("word").str.to_lowercase()))

    def encode_value(self, value: str | float | None) -> Parts | None:
        """Number the words of one text; ASCII has no script without spaces."""
        if isinstance(value, int | float) or (value and value.startswith("[")):
            return None
        return self._of_row((_ASCII_WORD if self._split == "words" else _ASCII_RUN).findall(value or ""))

    def encode_list(self, value: list[str | None]) -> Parts | None:
        """Number the words of one list."""
        return self._of_row([word or "" for word in value])

    def _of_row(self, words: list[str]) -> Parts:
        words = words[: self.max_words]
        numbers, letters = self._numbered(words)
        return Parts(lengths=np.array([len(words)]), words=numbers, characters=letters)

    def _numbered(self, words: list[str]) -> tuple[np.ndarray, np.ndarray | None]:
        """Return the number of each word, and those of its characters."""
        numbers = np.array([self._words.get(word.lower(), UNKNOWN) for word in words], dtype=np.int64)
        if not self.characters:
            return numbers, None
        letters = np.zeros((len(words), self.characters), dtype=np.int32)
        for row, word in zip(letters, words, strict=True):
            # Something has to stand there: a word of no characters is one of an unknown character.
            of_word = [self._letters.get(letter, UNKNOWN) for letter in _ends(word, self.characters)]
            row[: max(1, len(of_word))] = of_word or UNKNOWN
        return numbers, letters


def _entries(lists: pl.Series) -> pl.Series:
    """Return the entries of all rows, one after the other."""
    # Exploding would give an entry to a row that has none.
    entries = lists.filter((lists.list.len() > 0).fill_null(value=False)).explode()
    # A word that is missing is one that nothing is known of, as is one of no characters.
    return entries.fill_null("")


def _ends(word: str, most: int) -> str:
    """Return the characters of a word that are read: where it is long, half of them from its end."""
    last = most // 2
    return word if len(word) <= most else word[: most - last] + word[len(word) - last :]


def _frequent(counts: dict[str, int], least: int, most: int) -> list[str]:
    """Return the most frequent keys in alphabetical order, which does not depend on that of the rows."""
    often = sorted((-count, key) for key, count in counts.items() if count >= least and key)
    return sorted(key for _, key in often[:most])
