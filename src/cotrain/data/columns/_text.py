"""A column of free text."""

from __future__ import annotations

import re
from typing import Any, final

import numpy as np
import polars as pl

from cotrain._base import DataError, InvalidArgumentError
from cotrain.data.columns._base import Column, Parts
from cotrain.data.columns._segmenting import (
    ANY_UNSPACED,
    best_segmenter,
    is_pair,
    is_unspaced,
    require_jieba,
    split_words,
)
from cotrain.data.columns._tokens import FIRST, HASH, MISSING, buckets_for, hash_token, pad, require_hash
from cotrain.data.columns._values import text_values

#: A text with more words than this on average says enough without its words' parts.
SHORT = 12
#: Most tokens of a text by default. A text without spaces has two per character: its pairs and itself.
SPACED, UNSPACED = 64, 256
#: Most buckets of words and their parts, and of the words of longer texts. Collisions cost more than a larger
#: table: on 6,920 sentences on films 8,192 buckets reach an AUROC of .860 and 32,768 of .884. Pairs of
#: neighbouring words did not help there: .859 with all of them, .882 with those that training has thrice.
MOST_BUCKETS, MOST_BUCKETS_OF_LONG = 8192, 32_768
#: A word that training has so often can be learned.
OFTEN = 3
#: Most pairs of characters with tokens of their own.
MOST_PAIRS = 10_000

_ASCII_WORD = re.compile("[a-z0-9]+")


@final
class Text(Column):
    """Hashed words and, where the texts are short, hashed character n-grams of the words.

    A word w gives the token hash(w) and, for short texts, hash(g) for every run g of `ngram` characters of
    "<w>": unknown words share parts with known ones. Words come first, so that a text that is too long
    loses n-grams before words. Lower case; everything but letters, their marks and digits separates words.

    Chinese, Japanese, Thai, Lao, Khmer and Burmese write no spaces: there the words are the pairs of
    neighbouring characters that training has often (3 to 10 times, by its size), each with a token of its
    own, and the single characters, without n-grams. Where jieba is installed, Chinese is cut into its words
    instead of pairs; a model that was trained so needs jieba to predict.

    Args:
        name: name of the column.
        ngram: length of the character n-grams, 0 = none.
        max_tokens: the most tokens per row; ≥ 1; `None`: 64, or 256 in scripts without spaces.
        buckets: number of hash buckets; ≥ 1; `None`: for short texts by the number of tokens that training
            has thrice, between 256 and 8,192; for longer ones twice that of different words, up to 32,768.

    Raises:
        InvalidArgumentError: an argument is out of range.

    Example:
        >>> column = Text("title", ngram=0).fit(pl.Series("title", ["The Third Man", "The Birds"]))
        >>> tokens = column.encode(pl.Series("title", ["The birds!", None])).tokens
        >>> tokens.shape, (tokens > 0).sum(axis=1).tolist()
        ((2, 2), [2, 1])

    Source: the n-grams are those of Bojanowski et al., "Enriching Word Vectors with Subword Information",
    2017, https://arxiv.org/abs/1607.04606, of one length instead of 3 to 6.
    """

    def __init__(
        self, name: str, *, ngram: int = 3, max_tokens: int | None = None, buckets: int | None = None
    ) -> None:
        super().__init__(name)
        for what, value, least in (
            ("ngram", ngram, 0),
            ("max_tokens", max_tokens, 1),
            ("buckets", buckets, 1),
        ):
            if value is not None and value < least:
                raise InvalidArgumentError(
                    f"Column {name!r}: {what} is {value!r}, expected at least {least}."
                )
        self.ngram = ngram
        self.max_tokens = max_tokens
        self.buckets = buckets

    def learn(self, values: pl.Series) -> dict[str, Any]:
        """Learn the number of buckets, and how many tokens a row has."""
        text = text_values(values)
        unspaced = is_unspaced(text)
        segmenter = best_segmenter(text) if unspaced else "pairs"
        words = split_words(text, segmenter)
        short = not unspaced and words.height <= SHORT * max(1, words["row"].n_unique())
        ngram = self.ngram if short else 0
        pairs = _frequent_pairs(words["word"], len(values))
        words = _without_rare_pairs(words, pairs)
        counts = words["word"].value_counts()
        known = words["word"].unique().to_list()
        # Occurrences of a word's parts are counted over different words, which is enough to size a table.
        parts: dict[str, int] = {}
        for word in known:
            for part in _ngrams(word, ngram):
                parts[part] = parts.get(part, 0) + 1
        often = (
            counts.filter(pl.col("count") >= OFTEN).height
            - len(pairs)
            + sum(count >= OFTEN for count in parts.values())
        )
        lengths = dict(
            zip(known, [1 + max(0, len(word) + 3 - ngram) * bool(ngram) for word in known], strict=True)
        )
        sizes = words["word"].replace_strict(known, [lengths[word] for word in known], return_dtype=pl.Int64)
        totals = (
            np.bincount(words["row"].to_numpy(), weights=sizes.to_numpy()) if words.height else np.ones(1)
        )
        most = self.max_tokens or (UNSPACED if unspaced else SPACED)
        long = not short and not unspaced
        wanted = (2 * len(known), MOST_BUCKETS_OF_LONG) if long else (often, MOST_BUCKETS)
        # A width that holds 99 of 100 texts keeps one long text from padding all the others.
        return {
            "ngram": ngram,
            "buckets": self.buckets or buckets_for(wanted[0], 256, wanted[1]),
            "width": int(min(most, max(1, np.quantile(totals, 0.99)))),
            "segmenter": segmenter,
            "pairs": pairs,
            "hash": HASH,
        }

    def settle(self) -> None:
        """Set the size."""
        require_hash(self.name, self.state)
        if self.state["segmenter"] not in ("pairs", "jieba"):
            raise DataError(f"Column {self.name!r}: there is no segmenter {self.state['segmenter']!r}.")
        if self.state["segmenter"] == "jieba":
            require_jieba(self.name)
        self.require_size("width", most=self.max_tokens or UNSPACED)
        buckets = self.require_size("buckets", most=max(MOST_BUCKETS_OF_LONG, self.buckets or 0))
        self.n_tokens = FIRST + buckets + len(self.state["pairs"])

    def encode(self, values: pl.Series) -> Parts:
        """Hash the words and their parts."""
        words = split_words(text_values(values), self.state["segmenter"])
        words = _without_rare_pairs(words, self.state["pairs"])
        ngram, buckets = self.state["ngram"], self.state["buckets"]
        known = words["word"].unique().to_list()
        index = words["word"].replace_strict(known, list(range(len(known))), return_dtype=pl.Int64).to_numpy()
        rows = words["row"].to_numpy()
        own = {pair: FIRST + buckets + number for number, pair in enumerate(self.state["pairs"])}
        word_ids = np.array(
            [own.get(word, FIRST + hash_token(word, buckets)) for word in known], dtype=np.int64
        )
        parts = [[FIRST + hash_token(part, buckets) for part in _ngrams(word, ngram)] for word in known]
        lengths = np.array([len(part) for part in parts], dtype=np.int64)
        flat = np.array([token for part in parts for token in part], dtype=np.int64)
        starts = np.cumsum(lengths) - lengths
        repeats = lengths[index] if len(index) else np.zeros(0, dtype=np.int64)
        # Token j of the n-th occurrence of a word lies at start(word) + j of the flat list.
        within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        part_tokens = flat[np.repeat(starts[index], repeats) + within] if len(flat) else flat
        all_rows = np.concatenate([rows, np.repeat(rows, repeats)])
        all_tokens = np.concatenate([word_ids[index] if len(index) else word_ids[:0], part_tokens])
        order = np.argsort(all_rows, kind="stable")
        padded = pad(all_rows[order], all_tokens[order], len(values), self.state["width"])
        padded[padded[:, 0] == 0, 0] = MISSING
        return Parts(tokens=padded)

    def terms(self, values: pl.Series) -> pl.DataFrame:
        """Return the words and their pairs."""
        return word_terms(split_words(text_values(values), self.state["segmenter"]))

    def encode_value(self, value: str | float | None) -> Parts | None:
        """Hash the words and their parts; ASCII has no script without spaces."""
        if isinstance(value, int | float):
            return None
        words = _ASCII_WORD.findall(value.lower()) if value else []
        tokens = _tokens_of(words, self.state["ngram"], self.state["buckets"])[: self.state["width"]]
        padded = np.zeros((1, self.state["width"]), dtype=np.int64)
        padded[0, : len(tokens)] = tokens
        if not tokens:
            padded[0, 0] = MISSING
        return Parts(tokens=padded)


def word_terms(words: pl.DataFrame) -> pl.DataFrame:
    """Return words and pairs of neighbouring words, the columns `row` and `term`.

    Args:
        words: the columns `row` (ascending) and `word`; what a script without spaces is cut into has no
            neighbours.

    Example:
        >>> word_terms(pl.DataFrame({"row": [0, 0, 1], "word": ["a", "b", "c"]}))["term"].to_list()
        ['a', 'b', 'c', 'a b']
    """
    spaced = words.filter(~words["word"].str.contains(ANY_UNSPACED))
    following = spaced.shift(-1)
    together = (following["row"] == spaced["row"]).fill_null(value=False)
    pairs = pl.DataFrame({"row": spaced["row"], "word": spaced["word"] + " " + following["word"]})
    return pl.concat([words, pairs.filter(together)]).rename({"word": "term"})


def _tokens_of(words: list[str], ngram: int, buckets: int) -> list[int]:
    """Return the words' tokens, and then those of their parts."""
    names = [*words, *(part for word in words for part in _ngrams(word, ngram))]
    return [FIRST + hash_token(name, buckets) for name in names]


def _frequent_pairs(words: pl.Series, n_texts: int) -> list[str]:
    """Return the pairs, or words, of scripts without spaces that training has often.

    Most pairs span two words and come a few times: hashed, they would drown the others. On 1,200 texts of
    8 to 20 of 20,000 words, whose label is one word, AUROC is .81 and .88 (two seeds) with all pairs, .92 and
    .92 with those that come thrice, .94 and .98 with those that come five times.
    """
    least = min(10, max(OFTEN, n_texts // 200))
    pairs = words.filter(is_pair(words)).alias("pair").value_counts(name="count")
    often = pairs.filter(pl.col("count") >= least).sort(["count", "pair"], descending=[True, False])
    return often["pair"].head(MOST_PAIRS).sort().to_list()


def _without_rare_pairs(words: pl.DataFrame, pairs: list[str]) -> pl.DataFrame:
    return words.filter(~is_pair(words["word"]) | words["word"].is_in(pairs))


def _ngrams(word: str, n: int) -> list[str]:
    if n == 0:
        return []
    framed = f"<{word}>"
    return [framed[start : start + n] for start in range(len(framed) - n + 1)]
