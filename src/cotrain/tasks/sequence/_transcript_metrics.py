"""Figures of what was heard against what was said: word and character error rates.

A record of a row holds five numbers: edits and length in words, edits and length in characters, and whether
all is right. Rates over many rows divide sums, so that a long row counts for more, as the field has it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from cotrain.tasks._metric import Metric, Weights, weighed


def edit_distance(said: Sequence[str], true: Sequence[str]) -> int:
    """Return the fewest insertions, deletions and substitutions that make one of the other.

    Source: Levenshtein, "Binary codes capable of correcting deletions, insertions and reversals", 1966.

    Example:
        >>> edit_distance("kitten", "sitting"), edit_distance(["a", "b"], [])
        (3, 2)
    """
    if len(said) > len(true):
        said, true = true, said
    codes: dict[str, int] = {}
    row, column = (np.array([codes.setdefault(s, len(codes)) for s in part]) for part in (said, true))
    steps = np.arange(len(row) + 1)
    before = steps
    for number, symbol in enumerate(column, 1):
        changed = np.minimum(before[1:] + 1, before[:-1] + (row != symbol)) if len(row) else before[1:]
        # An insertion costs one a step: the smallest of all that lie to the left.
        before = np.minimum.accumulate(np.concatenate([[number], changed]) - steps) + steps
    return int(before[-1])


def transcript_record(said: Sequence[str | None], true: Sequence[str | None]) -> np.ndarray:
    """Return edits and lengths of every row, [B, 5]; NaN where there is no label. An empty text is a label.

    Args:
        said: texts.
        true: texts; `None`: there is no label.

    Example:
        >>> transcript_record(["one too", ""], ["one two", None]).tolist()
        [[1.0, 2.0, 1.0, 7.0, 0.0], [nan, nan, nan, nan, nan]]
    """
    records = np.full((len(true), 5), np.nan)
    for i, (heard, text) in enumerate(zip(said, true, strict=True)):
        if text is None:
            continue
        heard, text = " ".join((heard or "").split()), " ".join(text.split())
        words, characters = (heard.split(), text.split()), (heard, text)
        records[i] = [
            edit_distance(*words),
            len(words[1]),
            edit_distance(*characters),
            len(characters[1]),
            heard == text,
        ]
    return records


def _rate(records: np.ndarray, weights: Weights, edits: int, length: int) -> float:
    kept = weighed(records, weights)[~np.isnan(records[:, 0])]
    total = kept[:, length].sum()
    if not total:
        # Nothing was said anywhere: silence is right, and any word is a whole error.
        return float("nan") if not len(kept) else float(kept[:, edits].sum() > 0)
    return float(kept[:, edits].sum() / total)


def word_error_rate(records: np.ndarray, weights: Weights = None) -> float:
    """Return the edits in words over the number of true words, ≥ 0; more than 1 is possible."""
    return _rate(records, weights, 0, 1)


def character_error_rate(records: np.ndarray, weights: Weights = None) -> float:
    """Return the edits in characters over the number of true characters, ≥ 0."""
    return _rate(records, weights, 2, 3)


def exact_match(records: np.ndarray, weights: Weights = None) -> float:
    """Return the share of the rows that are right to the last character."""
    known = ~np.isnan(records[:, 4])
    of_row = None if weights is None else weights[known]
    return float(np.average(records[known, 4], weights=of_row)) if known.any() else float("nan")


def transcript_metrics(text_of: Callable[[np.ndarray], str]) -> list[Metric]:
    """Return word error rate, character error rate and exact match; runs of blanks count as one.

    Scores [B, S] and targets [B, L] are numbers of symbols, the mask is [B, 1].

    Args:
        text_of: from the numbers of a row to its text.

    Example:
        >>> wer, cer, match = transcript_metrics(lambda row: "".join("-abc "[int(i)] for i in row if i))
        >>> said, true = np.array([[1, 4, 2], [3, 0, 0]]), np.array([[1, 4, 1], [3, 0, 0]])
        >>> [round(m.compute(said, true, np.ones((2, 1), bool)), 2) for m in (wer, cer, match)]
        [0.33, 0.25, 0.5]
    """

    def record(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
        true = [text_of(row) if known.any() else None for row, known in zip(targets, mask, strict=True)]
        return transcript_record([text_of(row) for row in scores], true)

    return [
        Metric("wer", "min", record, word_error_rate),
        Metric("cer", "min", record, character_error_rate),
        Metric("exact_match", "max", record, exact_match),
    ]
