"""Spans of tokens in tags of the BIO kind: B-TYPE begins one, I-TYPE goes on, O is outside.

Ramshaw and Marcus, "Text Chunking using Transformation-Based Learning", 1995,
https://aclanthology.org/W95-0107, in the strict form of today (IOB2): every span begins with B.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import numpy as np

OUTSIDE, BEGIN, INSIDE = 0, 1, 2
#: Sums of log p that differ by less are one: float32 rounds each by up to 1e-6.
TIE = 1e-5


@final
class SpanTags:
    """What C tags mean: which begin a span, which go on, and of what type.

    Number C stands for a tag that begins a span of a type that training never had, C + 1 for one inside it.

    Args:
        tags: the C tags, "O", "B-TYPE" and "I-TYPE"; with every B its I.

    Example:
        >>> spans = SpanTags(["O", "B-per", "I-per", "B-loc", "I-loc"])
        >>> spans.types, spans.kinds.tolist()
        (['per', 'loc'], [0, 1, 2, 1, 2, 1, 2])
        >>> starts, ends = spans.of(np.array([[1, 2, 0, 2, 3]]))
        >>> starts.tolist(), ends.tolist()
        ([[True, False, False, False, True]], [[2, 2, 3, 4, 5]])
    """

    def __init__(self, tags: Sequence[str]) -> None:
        self.tags = list(tags)
        types = [tag[2:] for tag in self.tags if tag != "O"]
        self.types = list(dict.fromkeys(types))
        number = {name: i for i, name in enumerate(self.types)}
        unseen = len(self.types)
        kind = {"O": OUTSIDE, "B": BEGIN, "I": INSIDE}
        self.kinds = np.array([*(kind[tag[0]] for tag in self.tags), BEGIN, INSIDE])
        #: Number of each tag's type; that of O is never looked at.
        self.type_of = np.array([*(number.get(tag[2:], unseen) for tag in self.tags), unseen, unseen])
        #: For an I the number of its B, for others their own.
        begin = {tag[2:]: i for i, tag in enumerate(self.tags) if tag[0] == "B"}
        own = [begin[tag[2:]] if tag[0] == "I" else i for i, tag in enumerate(self.tags)]
        size = len(self.tags)
        self.begin_of = np.array([*own, size, size])

    def continues(self, codes: np.ndarray) -> np.ndarray:
        """Return whether each position goes on with the span of the one before it, bool [B, S]."""
        kinds, types = self.kinds[codes], self.type_of[codes]
        found = np.zeros(codes.shape, dtype=bool)
        before = (kinds[:, :-1] != OUTSIDE) & (types[:, :-1] == types[:, 1:])
        found[:, 1:] = (kinds[:, 1:] == INSIDE) & before
        return found

    def of(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return where spans begin, bool [B, S], and where what begins at each position ends, int [B, S].

        A span is a B and all I of its type that follow at once; an I that follows no such tag is in no span.

        Args:
            codes: numbers of tags, [B, S].
        """
        n_rows, length = codes.shape
        broken = np.where(self.continues(codes), length, np.arange(length))
        # The first break at or after the next position.
        ends = np.full((n_rows, length + 1), length)
        ends[:, :length] = np.minimum.accumulate(broken[:, ::-1], axis=1)[:, ::-1]
        return self.kinds[codes] == BEGIN, ends[:, 1:]

    def counts(self, true: np.ndarray, predicted: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return hits, predicted and true spans of every type, [B, 3, 1 + number of types].

        A span is hit if its first and last token and its type are right. An unlabelled token is outside on
        both sides, so that a span ends before it. The last type is that of the types never seen.

        Args:
            true: [B, S] numbers of tags.
            predicted: [B, S].
            mask: bool [B, S].
        """
        outside = self.tags.index("O")
        true, predicted = (np.where(mask, codes, outside) for codes in (true, predicted))
        (begins, ends), (begun, ended) = self.of(true), self.of(predicted)
        types, said = self.type_of[true], self.type_of[predicted]
        hits = begins & begun & (ends == ended) & (types == said)
        size = len(self.types) + 1
        found = np.zeros((len(true), 3, size))
        for place, (where, of_type) in enumerate([(hits, types), (begun, said), (begins, types)]):
            rows, columns = np.nonzero(where)
            np.add.at(found[:, place], (rows, of_type[rows, columns]), 1)
        return found

    def strict(self, codes: np.ndarray, offsets: np.ndarray, labelled: np.ndarray) -> np.ndarray:
        """Return tags in which every span begins with B, of tags where an I may begin one (IOB1).

        An I behind an unlabelled token stays: it may go on with what is not known.

        Args:
            codes: numbers of the tags of all rows one after the other, [M].
            offsets: [N + 1], where each row begins.
            labelled: bool [M].
        """
        if not len(codes):
            return codes
        first = np.zeros(len(codes), dtype=bool)
        first[offsets[:-1][offsets[:-1] < len(codes)]] = True
        before_known = np.concatenate([[True], labelled[:-1]]) | first
        goes_on = self.continues(codes[None])[0] & ~first
        alone = (self.kinds[codes] == INSIDE) & labelled & before_known & ~goes_on
        return np.where(alone, self.begin_of[codes], codes)


def most_probable(probabilities: np.ndarray, spans: SpanTags) -> np.ndarray:
    """Return the most probable tags of every row in which each I follows its B or I, int64 [B, S].

    The sum of log p over the positions is maximised by dynamic programming (Viterbi, 1967,
    https://doi.org/10.1109/TIT.1967.1054010). Whether a tag may follow depends for an I on two tags only, so
    a step costs C and not C².

    Args:
        probabilities: [B, S, C]. Rows that end in equal probabilities, as padding has, are not changed by it.
        spans: what the C tags mean.

    Example:
        >>> spans = SpanTags(["O", "B-x", "I-x"])
        >>> most_probable(np.array([[[0.5, 0.1, 0.4], [0.1, 0.1, 0.8]]]), spans).tolist()
        [[1, 2]]
    """
    n_rows, length, size = probabilities.shape
    inside = np.flatnonzero(spans.kinds[:size] == INSIDE)
    begin = spans.begin_of[inside]
    log_p = np.log(np.clip(probabilities, 1e-30, None))
    came = np.zeros((length, n_rows, size), dtype=np.int32)
    best = np.zeros((n_rows, size))
    for step in range(length):
        if step:
            source = _first_best(best)
            came[step] = source[:, None]
            before = np.repeat(best.max(axis=1)[:, None], size, axis=1)
            from_begin = best[:, begin] >= best[:, inside] - TIE
            came[step][:, inside] = np.where(from_begin, begin, inside)
            before[:, inside] = np.maximum(best[:, begin], best[:, inside])
            best = before + log_p[:, step]
        else:
            best = log_p[:, 0].copy()
            best[:, inside] = -np.inf
    found = np.zeros((n_rows, length), dtype=np.int64)
    if length:
        found[:, -1] = _first_best(best)
    rows = np.arange(n_rows)
    for step in range(length - 1, 0, -1):
        found[:, step - 1] = came[step][rows, found[:, step]]
    return found


def _first_best(sums: np.ndarray) -> np.ndarray:
    """Return the first tag of each row whose sum is the largest but for rounding, [B]."""
    return (sums >= sums.max(axis=1, keepdims=True) - TIE).argmax(axis=1)
