"""What has to be changed in a text to make it the true one, word by word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final


@final
@dataclass(frozen=True)
class WordEdit:
    """A word of a hypothesis beside that of the truth.

    Args:
        true: the true word; "" where one was inserted.
        said: the word that was said; "" where one was left out.
    """

    true: str
    said: str

    @property
    def kind(self) -> str:
        """What was done to it: "right", "substituted", "deleted" or "inserted"."""
        if self.true == self.said:
            return "right"
        return "deleted" if not self.said else "inserted" if not self.true else "substituted"


def word_edits(true: Sequence[str], said: Sequence[str]) -> list[WordEdit]:
    """Return the fewest edits that lead from what was said to the truth, in the order of the text.

    Source: Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals", 1966.

    Example:
        >>> [(edit.kind, edit.true, edit.said) for edit in word_edits(["one", "two"], ["two", "three"])]
        [('deleted', 'one', ''), ('right', 'two', 'two'), ('inserted', '', 'three')]
    """
    n, m = len(true), len(said)
    # Of as few edits those are taken that leave most words right: a substitution costs a little more.
    one = n + m + 1

    def swap(i: int, j: int) -> int:
        return costs[i - 1][j - 1] + (one + 1) * (true[i - 1] != said[j - 1])

    costs = [[one * max(i, j) if 0 in (i, j) else 0 for j in range(m + 1)] for i in range(n + 1)]
    for i in range(1, n + 1):
        for j in range(1, m + 1):
            costs[i][j] = min(swap(i, j), costs[i - 1][j] + one, costs[i][j - 1] + one)
    i, j = n, m
    found: list[WordEdit] = []
    while i or j:
        if i and j and costs[i][j] == swap(i, j):
            i, j = i - 1, j - 1
            found.append(WordEdit(true[i], said[j]))
        elif i and costs[i][j] == costs[i - 1][j] + one:
            i -= 1
            found.append(WordEdit(true[i], ""))
        else:
            j -= 1
            found.append(WordEdit("", said[j]))
    return found[::-1]
