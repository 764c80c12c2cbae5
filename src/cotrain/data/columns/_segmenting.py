"""Words of a text, in scripts with spaces and in those without."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable

import polars as pl

from cotrain._base import MissingExtraError

#: Scripts that write no space between words: Chinese, Japanese, Thai, Lao, Khmer, Burmese.
NO_SPACES = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}々ー"
#: A run of such characters, or a word of letters, marks and digits of all others.
_RUN = rf"[{NO_SPACES}]+|[[\p{{L}}\p{{N}}\p{{M}}]--[{NO_SPACES}]]+"
#: Any such character.
ANY_UNSPACED = rf"[{NO_SPACES}]"
_HAN = r"\p{Han}"
#: So many characters make a word in these scripts, roughly.
PER_WORD = 2

Segment = Callable[[str], list[str]]


def count_words(text: pl.Series) -> pl.Series:
    """Return the number of words per text; two characters of a script without spaces count as one.

    Example:
        >>> count_words(pl.Series(["The Third Man", "北京市海淀区5号"])).to_list()
        [3, 5]
    """
    runs = text.str.count_matches(r"[\p{L}\p{N}\p{M}]+")
    if not text.str.contains(ANY_UNSPACED).any():
        return runs
    spaced = text.str.count_matches(rf"[[\p{{L}}\p{{N}}\p{{M}}]--[{NO_SPACES}]]+")
    return spaced + (text.str.count_matches(ANY_UNSPACED) + PER_WORD - 1) // PER_WORD


def split_words(text: pl.Series, segmenter: str = "pairs") -> pl.DataFrame:
    """Return the columns `row` (ascending) and `word`, one line per word, in lower case.

    A run of a script without spaces gives its pairs of neighbouring characters, or the words that the
    segmenter finds, and then its single characters.

    Args:
        text: null where missing.
        segmenter: "pairs" or "jieba".

    Example:
        >>> split_words(pl.Series(["好电影 Film"]))["word"].to_list()
        ['好电', '电影', '好', '电', '影', 'film']
    """
    found = text.str.to_lowercase().str.extract_all(_RUN)
    frame = pl.DataFrame({"row": pl.int_range(len(text), eager=True), "word": found}).drop_nulls("word")
    frame = frame.explode("word").drop_nulls("word")
    runs = frame["word"].unique()
    runs = runs.filter(runs.str.contains(ANY_UNSPACED)).to_list()
    if not runs:
        return frame
    segment = _segment(segmenter)
    parts = pl.DataFrame({"word": runs, "parts": [_parts(run, segment) for run in runs]})
    frame = frame.with_row_index("place").join(parts, on="word", how="left").sort("place")
    whole = pl.col("parts").fill_null(pl.concat_list(pl.col("word")))
    return frame.select("row", whole.alias("word")).explode("word")


def best_segmenter(text: pl.Series) -> str:
    """Return "jieba" if it is installed and the text is Chinese, else "pairs".

    Japanese, Thai and the others have no dictionary there.
    """
    chinese = text.str.contains(_HAN).any() and not text.str.contains(r"[\p{Hiragana}\p{Katakana}]").any()
    return "jieba" if chinese and importlib.util.find_spec("jieba") is not None else "pairs"


def is_pair(words: pl.Series) -> pl.Series:
    """Return which words are pairs, or longer words, of a script without spaces.

    Example:
        >>> is_pair(pl.Series(["电影", "电", "film"])).to_list()
        [True, False, False]
    """
    return words.str.contains(rf"^[{NO_SPACES}]{{2,}}$")


def require_jieba(column: str) -> None:
    """Raise `MissingExtraError` where a model was trained with jieba and it is not installed here."""
    if importlib.util.find_spec("jieba") is None:
        raise MissingExtraError(
            f"The text column {column!r} was cut into words by jieba, which is not installed here: "
            "run pip install jieba, or train again without it."
        )


def is_unspaced(text: pl.Series) -> bool:
    """Whether at least one text in ten has characters of a script without spaces."""
    known = text.drop_nulls()
    return bool(len(known)) and int(known.str.contains(ANY_UNSPACED).sum()) >= 0.1 * len(known)


def _segment(segmenter: str) -> Segment | None:
    return None if segmenter == "pairs" else importlib.import_module(segmenter).lcut


def _parts(run: str, segment: Segment | None) -> list[str]:
    if segment is None:
        words = [run[i : i + 2] for i in range(len(run) - 1)]
    else:
        words = [word for word in segment(run) if len(word) > 1]
    return words + list(run)
