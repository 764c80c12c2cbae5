"""A column of subwords: text or words, cut by the tokenizer of a pre-trained model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, final

import numpy as np
import polars as pl

from cotrain._base import DataError, InvalidArgumentError, RowError, check_choice
from cotrain._base._subwords import SubwordTokenizer, read_tokenizer
from cotrain.data.columns._base import Column, Parts
from cotrain.data.columns._segmenting import best_segmenter, is_unspaced, split_words
from cotrain.data.columns._text import word_terms
from cotrain.data.columns._values import text_values
from cotrain.data.columns._word_lists import Split, best_split, count_words, word_lists

#: Most subwords of a row where nobody says what the model can read: that of BERT.
MOST = 512


@final
class Subwords(Column):
    """Text or words as the subwords of a pre-trained model, whose tokenizer.json is kept with the column.

    A text of n subwords gives n numbers with their places. Of words each has a position, that of its first
    subword, and the others stand apart: so what is said of positions is said of words. A word of which the
    tokenizer leaves nothing is an unknown one. A missing cell is a row without any.

    A text that is longer than what is read loses its end, and `cut` says of how many rows; a row of words
    that is longer is refused unless `max_tokens` is given, since a tag would have no word.

    Args:
        name: name of the column.
        folder: of the pre-trained model, read by `fit` and never again.
        units: what has a position: every subword of a "text", or every one of the "words".
        split: how text becomes words, see `Words`.
        max_tokens: subwords read of a row, the first ones; ≥ 1; `None`: as many as the model can read.
        room: subwords that the model reads of a row of all such columns together, ≥ 1. Each gets what
            training needs, those of words first, and what is left is shared equally.

    Raises:
        InvalidArgumentError: an argument is out of range.

    Example:
        >>> import tempfile
        >>> from tokenizers import Tokenizer, models, pre_tokenizers
        >>> made = Tokenizer(models.WordPiece({"[UNK]": 0, "un": 1, "##do": 2, "it": 3}, unk_token="[UNK]"))
        >>> made.pre_tokenizer, folder = pre_tokenizers.Whitespace(), tempfile.mkdtemp()
        >>> made.save(f"{folder}/tokenizer.json")
        >>> values = pl.Series("said", [["undo", "it"], None])
        >>> parts = Subwords("said", folder=folder, units="words").fit(values).encode(values)
        >>> parts.firsts.tolist(), parts.lengths.tolist(), parts.pieces.tolist()
        ([[1, 0], [3, 2]], [2, 0], [[2, 1]])
    """

    cut_by = "max_tokens"
    entries = "subwords"

    def __init__(
        self,
        name: str,
        *,
        folder: str | None = None,
        units: Literal["text", "words"] = "text",
        split: Literal["auto", "spaces", "words"] = "auto",
        max_tokens: int | None = None,
        room: int = MOST,
    ) -> None:
        super().__init__(name)
        check_choice(f"Column {name!r}: subwords", ("text", "words"), units=units)
        check_choice(f"Column {name!r}: subwords", ("auto", "spaces", "words"), split=split)
        for what, value in (("max_tokens", max_tokens), ("room", room)):
            if value is not None and value < 1:
                raise InvalidArgumentError(f"Column {name!r}: {what} is {value!r}, expected at least 1.")
        self.folder = folder
        self.units: Literal["text", "words"] = units
        self.split: Literal["auto", "spaces", "words"] = split
        self.max_tokens = max_tokens
        self.room = room
        self._granted = room
        self._lengths: np.ndarray | None = None

    def agree(self, columns: Sequence[Column], frame: pl.DataFrame) -> None:
        """Divide the room among all columns of subwords."""
        ours = [column for column in columns if isinstance(column, Subwords)]
        if len(ours) < 2 or self is not ours[0]:
            return
        for column in ours:
            column._begin(frame[column.name])
            column._lengths = column._subwords(frame[column.name])[3]
        needs = [min(column.max_tokens or MOST, int(column._lengths.max(initial=1))) for column in ours]  # ty: ignore
        granted = divide_room(needs, [column.units == "words" for column in ours], self.room)
        for column, share in zip(ours, granted, strict=True):
            column._granted = share

    def learn(self, values: pl.Series) -> dict[str, Any]:
        """Take over the tokenizer, how texts are split, and how many rows are too long."""
        if self._lengths is None:
            self._begin(values)
        lengths = self._subwords(values)[3] if self._lengths is None else self._lengths
        self._lengths = None
        most = min(self._granted, self.max_tokens or self._granted)
        return {**self.state, "width": most, "cut": int((lengths > most).sum())}

    def _begin(self, values: pl.Series) -> None:
        """Take over the tokenizer, and how texts are split."""
        if self.folder is None:
            raise InvalidArgumentError(
                f"Column {self.name!r}: subwords need the folder of a pre-trained model: take the encoder "
                "PretrainedTransformer, or give folder=."
            )
        split = "spaces"
        if self.units == "words":
            split = best_split(values) if self.split == "auto" else self.split
        self.state = {"tokenizer": read_tokenizer(self.folder), "split": split}
        self.settle()

    def settle(self) -> None:
        """Make the tokenizer."""
        if self.state["split"] not in ("spaces", "words"):
            raise DataError(f"Column {self.name!r}: text cannot be split by {self.state['split']!r}.")
        self._split: Split = self.state["split"]
        self._tokenizer = SubwordTokenizer(self.state["tokenizer"])
        self.subwords = self._tokenizer.spec
        self.of_words = self.units == "words"

    @property
    def most(self) -> int:
        """Subwords that are read of a row at most."""
        return self.require_size("width", most=self.room)

    @property
    def cut(self) -> int:
        """Training rows that have more subwords than are read; known after `fit`."""
        return int(self.state.get("cut", 0))

    @property
    def cut_remark(self) -> str:
        """What becomes of the rest of such rows, and what to do about it."""
        if self.max_tokens is not None:
            return "the rest is cut, as max_tokens says"
        if self.of_words:
            return "they will be refused: cut them into sentences, or set max_tokens"
        return "the rest is cut, since the model reads no more: shorten them, or drop other columns of text"

    def encode(self, values: pl.Series) -> Parts:
        """Number the subwords, and their places."""
        rows, places, (numbers, first), lengths = self._subwords(values)
        if self.of_words and self.max_tokens is None and len(lengths) and lengths.max() > self.most:
            row = int(np.argmax(lengths > self.most))
            raise RowError(
                f"Column {self.name!r}: row {{row}} has words of {int(lengths[row])} subwords, and the model "
                f"reads {self.most}: cut such rows into sentences, or leave the rest unread by columns: "
                f"{{{self.name}: {{kind: subwords, units: words, max_tokens: {self.most}}}}}.",
                row,
            )
        read = places < self.most
        pairs = np.stack([numbers, places], axis=1).astype(np.int32)
        further = read & ~first
        n_rows = len(values)
        return Parts(
            lengths=np.bincount(rows[read & first], minlength=n_rows) if self.of_words else None,
            firsts=pairs[read & first] if self.of_words else None,
            piece_lengths=np.bincount(rows[further], minlength=n_rows),
            pieces=pairs[further],
        )

    def word_counts(self, values: pl.Series) -> np.ndarray | None:
        """Return how many words each row has, those beyond `max_tokens` too; `None`: they are texts."""
        return count_words(values, self._split) if self.of_words else None

    def terms(self, values: pl.Series) -> pl.DataFrame:
        """Return the words and their pairs, in lower case."""
        if not self.of_words:
            text = text_values(values)
            segmenter = best_segmenter(text) if is_unspaced(text) else "pairs"
            return word_terms(split_words(text, segmenter))
        frame = self._words(values).with_columns(pl.col("word").str.to_lowercase())
        return word_terms(frame)

    def _words(self, values: pl.Series) -> pl.DataFrame:
        """Return the words of all rows, the columns `row` and `word`."""
        lists = word_lists(values, self._split)
        frame = pl.DataFrame({"row": pl.int_range(len(lists), eager=True), "word": lists})
        frame = frame.filter((pl.col("word").list.len() > 0).fill_null(value=False))
        return frame.explode("word").with_columns(pl.col("word").fill_null(""))

    def _subwords(
        self, values: pl.Series
    ) -> tuple[np.ndarray, np.ndarray, tuple[np.ndarray, np.ndarray], np.ndarray]:
        """Return of every subword its row and its place there, its number and whether it begins a word.

        The last array has the number of subwords of every row.
        """
        if self.of_words:
            units = self._words(values)
        else:
            text = text_values(values).fill_null("")
            units = pl.DataFrame({"row": pl.int_range(len(text), eager=True), "word": text})
        known = units["word"].unique(maintain_order=True)
        index = units["word"].replace_strict(
            known, pl.int_range(len(known), eager=True), return_dtype=pl.Int64
        )
        cut = self._tokenizer.of_words if self.of_words else self._tokenizer.of_texts
        # What leaves nothing has a position all the same.
        nothing = [self._tokenizer.spec.unknown] if self.of_words else []
        ids = [found or nothing for found in cut(known.to_list())]
        counts_known = np.array([len(found) for found in ids], dtype=np.int64)
        flat = np.array([number for found in ids for number in found], dtype=np.int64)
        place = index.to_numpy() if len(known) else np.zeros(0, dtype=np.int64)
        counts = counts_known[place]
        starts = (np.cumsum(counts_known) - counts_known)[place]
        before = np.cumsum(counts) - counts
        within = np.arange(counts.sum()) - np.repeat(before, counts)
        rows = np.repeat(units["row"].to_numpy(), counts)
        lengths = np.bincount(rows, minlength=len(values))
        places = np.arange(len(rows)) - (np.cumsum(lengths) - lengths)[rows]
        numbers = flat[np.repeat(starts, counts) + within]
        return rows, places, (numbers, (within == 0) & self.of_words), lengths


def divide_room(needs: Sequence[int], first: Sequence[bool], room: int) -> list[int]:
    """Return how many subwords each of several columns gets.

    Args:
        needs: subwords of the longest row, by column.
        first: whether a column gets what it needs before the others.
        room: subwords of all together, at least one a column.

    Example:
        >>> divide_room([20, 900], [False, False], 509), divide_room([300, 900], [False, True], 509)
        ([20, 489], [1, 508])
        >>> divide_room([10, 30], [False, False], 100)
        [40, 60]
    """
    granted = [1] * len(needs)
    left = room - len(needs)
    for turn in (True, False):
        waiting = sorted((need - 1, place) for place, need in enumerate(needs) if first[place] == turn)
        for number, (need, place) in enumerate(waiting):
            # What the shorter ones do not need is the longer ones'.
            share = min(need, left // (len(waiting) - number))
            granted[place] += share
            left -= share
    spare, rest = divmod(left, len(needs))
    return [share + spare + (place < rest) for place, share in enumerate(granted)]
