"""Connectionist temporal classification: from symbols a frame to a text.

A path says a symbol or a blank in every frame; the text is the path without repetitions and then without
blanks. The probability of a text is that of all its paths together.

Source: Graves et al., "Connectionist Temporal Classification", 2006,
https://doi.org/10.1145/1143844.1143891; the beam search is that of Hannun et al., "First-Pass Large
Vocabulary Continuous Speech Recognition using Bi-Directional Recurrent DNNs", 2014,
https://arxiv.org/abs/1408.2873.

Shapes: T frames, C symbols with the blank, which is number 0.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Sequence
from itertools import pairwise

import numpy as np

BLANK = 0
#: Symbols of a frame that are less probable than this are not tried.
_LEAST = 1e-4


def least_frames(symbols: Sequence[int]) -> int:
    """Return the fewest frames in which a text can be said: between equal symbols there must be a blank.

    Example:
        >>> least_frames([3, 3, 4]), least_frames([])
        (4, 0)
    """
    return len(symbols) + sum(a == b for a, b in pairwise(symbols))


def greedy(log_p: np.ndarray) -> list[int]:
    """Return the text of the most probable path.

    Args:
        log_p: [T, C], logarithms of probabilities or any scores that rank the symbols of a frame.

    Example:
        >>> greedy(np.log([[0.1, 0.9], [0.1, 0.9], [0.9, 0.1], [0.2, 0.8]]))
        [1, 1]
    """
    if not len(log_p):
        return []
    path = log_p.argmax(axis=1)
    changed = np.concatenate([[True], path[1:] != path[:-1]])
    return path[changed & (path != BLANK)].tolist()


def prefix_beam_search(
    log_p: np.ndarray,
    width: int = 16,
    *,
    words: Collection[tuple[int, ...]] | None = None,
    separator: int | None = None,
) -> tuple[list[int], float]:
    """Return the most probable text that is found, and the logarithm of its probability.

    Of each text that begins like this it keeps the probability of its paths that end in a blank and of those
    that do not, and the `width` most probable texts from frame to frame. With all texts kept it is exact.

    Args:
        log_p: [T, C], logarithms of probabilities.
        width: texts that are kept, ≥ 1.
        words: the only words that a text may have, as symbols; `None`: any.
        separator: the symbol between words, needed for `words`.

    Example:
        >>> text, log_probability = prefix_beam_search(np.log([[0.6, 0.4], [0.6, 0.4]]))
        >>> text, round(math.exp(log_probability), 2)
        ([1], 0.64)
    """
    allowed = None if words is None else _Lexicon(words, separator)
    beams: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, -math.inf)}
    for frame in log_p:
        likely = [int(s) for s in np.flatnonzero(frame >= math.log(_LEAST))] or [int(frame.argmax())]
        found: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [-math.inf, -math.inf])
        for prefix, (blank, other) in beams.items():
            both = np.logaddexp(blank, other)
            stay = found[prefix]
            stay[0] = np.logaddexp(stay[0], both + frame[BLANK])
            if prefix:
                stay[1] = np.logaddexp(stay[1], other + frame[prefix[-1]])
            for symbol in likely:
                longer = (*prefix, symbol)
                if symbol == BLANK or (allowed is not None and not allowed.begins(longer)):
                    continue
                # The same symbol once more is a new one only after a blank.
                before = blank if prefix and symbol == prefix[-1] else both
                found[longer][1] = np.logaddexp(found[longer][1], before + frame[symbol])
        best = sorted(found.items(), key=lambda item: -np.logaddexp(item[1][0], item[1][1]))[:width]
        beams = {prefix: (blank, other) for prefix, (blank, other) in best}
    ended = {p: b for p, b in beams.items() if allowed is None or allowed.ends(p)} or {
        (): (-math.inf, -math.inf)
    }
    text = max(ended, key=lambda prefix: np.logaddexp(ended[prefix][0], ended[prefix][1]))
    return list(text), float(np.logaddexp(ended[text][0], ended[text][1]))


class _Lexicon:
    """Which texts are made of given words."""

    def __init__(self, words: Collection[tuple[int, ...]], separator: int | None) -> None:
        self.words = frozenset(words)
        self.beginnings = frozenset(word[:n] for word in self.words for n in range(len(word) + 1))
        self.separator = separator

    def begins(self, text: tuple[int, ...]) -> bool:
        """Whether a text that begins like this can be made of the words, its whole words being among them."""
        if self.separator is not None and text[-1] == self.separator:
            return self.last(text[:-1]) in self.words
        return self.last(text) in self.beginnings

    def ends(self, text: tuple[int, ...]) -> bool:
        """Whether a text ends with a whole word, or is empty."""
        return not text or self.last(text) in self.words

    def last(self, text: tuple[int, ...]) -> tuple[int, ...]:
        """Return the symbols after the last separator."""
        for place in range(len(text) - 1, -1, -1):
            if text[place] == self.separator:
                return text[place + 1 :]
        return text
