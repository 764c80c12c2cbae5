"""A column of subwords: text or words, cut by the tokenizer of a pre-trained model."""

from __future__ import annotations

from typing import Any, Literal, final

import numpy as np
import polars as pl

from cotrain._base import DataError, InvalidArgumentError
from cotrain._base._subwords import SubwordTokenizer, read_tokenizer
from cotrain.data.columns._base import Column, Parts
from cotrain.data.columns._segmenting import best_segmenter, is_unspaced, split_words
from cotrain.data.columns._text import word_terms
from cotrain.data.columns._values import text_values
from cotrain.data.columns._word_lists import Split, best_split, word_lists

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
        model_tokens: subwords that the model can read of a row of this column, ≥ 1.

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
        model_tokens: int = MOST,
    ) -> None:
        super().__init__(name)
        if units not in ("text", "words") or split not in ("auto", "spaces", "words"):
            raise InvalidArgumentError(
                f"Column {name!r}: units must be 'text' or 'words' and split 'auto', 'spaces' or 'words', "
                f"got {units!r} and {split!r}."
            )
        for what, value in (("max_tokens", max_tokens), ("model_tokens", model_tokens)):
            if value is not None and value < 1:
                raise InvalidArgumentError(f"Column {name!r}: {what} is {value!r}, expected at least 1.")
        self.folder = folder
        self.units: Literal["text", "words"] = units
        self.split: Literal["auto", "spaces", "words"] = split
        self.max_tokens = max_tokens
        self.model_tokens = model_tokens

    def learn(self, values: pl.Series) -> dict[str, Any]:
        """Take over the tokenizer, how texts are split, and how many rows are too long."""
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
        lengths = self._subwords(values)[3]
        return {**self.state, "width": self.most, "cut": int((lengths > self.most).sum())}

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
        return min(self.model_tokens, self.max_tokens or self.model_tokens)

    @property
    def cut(self) -> int:
        """Training rows that have more subwords than are read; known after `fit`."""
        return int(self.state.get("cut", 0))

    def encode(self, values: pl.Series) -> Parts:
        """Number the subwords, and their places."""
        rows, places, (numbers, first), lengths = self._subwords(values)
        if self.of_words and self.max_tokens is None and len(lengths) and lengths.max() > self.most:
            row = int(np.argmax(lengths > self.most))
            raise DataError(
                f"Column {self.name!r}: row {row} has words of {int(lengths[row])} subwords, and the model "
                f"reads {self.most}: cut such rows into sentences, or leave the rest unread by columns: "
                f"{{{self.name}: {{kind: subwords, units: words, max_tokens: {self.most}}}}}."
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
