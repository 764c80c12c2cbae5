"""Which frames of a recording belong to which unit of its text, learned from the recordings alone.

Every unit, such as a character, has a mean frame; a text is its units in order. In turn the frames of each
recording are divided among its units so that the squared distances to their means are smallest, which
dynamic programming does exactly, and the means are taken anew. The first division is into equal parts. No
other tool and no dictionary are needed, and every turn lowers the sum of the squared distances.

Source: Juang and Rabiner, "The segmental K-means algorithm for estimating parameters of hidden Markov
models", 1990, https://doi.org/10.1109/29.60082, with one state a unit.

Shapes: B recordings, T frames, U units of a text, M values of a frame, C different units.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Turns of dividing and averaging. The log-mels of 2,000 strings of spoken digits move no more after eight.
TURNS = 10
#: Recordings that are divided at once: their costs take some 10 MB.
_AT_ONCE = 64


def least_frames(optional: np.ndarray) -> int:
    """Return the fewest frames that units take: one each, those that may be left out none.

    Args:
        optional: bool [U].

    Example:
        >>> least_frames(np.array([True, False, False]))
        2
    """
    return max(1, int((~optional).sum()))


def shortest_division(costs: np.ndarray, optional: np.ndarray) -> np.ndarray:
    """Return the unit of every frame, int64 [T], rising from the first to the last, at the least cost.

    Every unit has one frame or more; an optional one may have none, its neighbours not being optional.

    Args:
        costs: [T, U] of giving a frame to a unit; T ≥ `least_frames(optional)`.
        optional: bool [U].

    Example:
        >>> costs = np.array([[0.0, 9, 9], [0, 9, 9], [9, 9, 0]])
        >>> shortest_division(costs, np.array([False, False, False])).tolist()
        [0, 1, 2]
        >>> shortest_division(costs, np.array([False, True, False])).tolist()
        [0, 0, 2]
    """
    return _divisions([costs], [optional])[0]


def divisions(
    frames: Sequence[np.ndarray], units: Sequence[np.ndarray], means: np.ndarray, optional: np.ndarray
) -> list[np.ndarray]:
    """Return the unit of every frame of each recording, as its place in the text.

    Args:
        frames: of each recording [T, M].
        units: numbers of the units of each text, int64 [U].
        means: [C, M].
        optional: which units may be left out, bool [C].
    """
    found: list[np.ndarray] = []
    squares = (means**2).sum(axis=1)
    for start in range(0, len(frames), _AT_ONCE):
        rows = range(start, min(start + _AT_ONCE, len(frames)))
        # ||x||² is the same for all units of a frame: it decides nothing.
        costs = [(squares - 2 * frames[row] @ means.T)[:, units[row]] for row in rows]
        found += _divisions(costs, [optional[units[row]] for row in rows])
    return found


def learned_means(
    frames: Sequence[np.ndarray],
    units: Sequence[np.ndarray],
    optional: np.ndarray,
    turns: int = TURNS,
) -> np.ndarray:
    """Return the mean frame of every unit, [C, M]; of one that occurs nowhere that of all frames.

    Args:
        frames: of each recording [T, M], T ≥ `least_frames` of its units.
        units: numbers of the units of each text, int64 [U].
        optional: which units may be left out, bool [C].
        turns: how often frames are divided anew.

    Example:
        >>> low, high = np.zeros((6, 1)), np.ones((2, 1))
        >>> frames = [np.concatenate([low, high]), np.concatenate([high, low])]
        >>> learned_means(frames, [np.array([0, 1]), np.array([1, 0])], np.zeros(2, bool)).flatten().tolist()
        [0.0, 1.0]
    """
    places = [np.arange(len(x)) * len(u) // len(x) for x, u in zip(frames, units, strict=True)]
    means = _means(frames, units, places, len(optional))
    for _ in range(turns):
        places = divisions(frames, units, means, optional)
        means = _means(frames, units, places, len(optional))
    return means


def _means(
    frames: Sequence[np.ndarray], units: Sequence[np.ndarray], places: Sequence[np.ndarray], n_units: int
) -> np.ndarray:
    every = np.concatenate(frames)
    numbers = np.concatenate([u[place] for u, place in zip(units, places, strict=True)])
    counts = np.bincount(numbers, minlength=n_units)
    sums = np.zeros((n_units, every.shape[1]))
    np.add.at(sums, numbers, every)
    return np.where(counts[:, None] > 0, sums / np.maximum(1, counts)[:, None], every.mean(axis=0))


def _divisions(costs: Sequence[np.ndarray], optional: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return the cheapest divisions of several recordings, worked out side by side."""
    n_rows = len(costs)
    n_frames, n_units = np.array([len(c) for c in costs]), np.array([c.shape[1] for c in costs])
    padded = np.full((n_rows, n_frames.max(), n_units.max()), np.inf)
    skipped = np.zeros((n_rows, n_units.max()), bool)  # whether the unit before may be left out
    for row, (cost, may) in enumerate(zip(costs, optional, strict=True)):
        padded[row, : len(cost), : cost.shape[1]] = cost
        skipped[row, 1 : len(may)] = may[:-1]
    total = np.full(padded.shape[::2], np.inf)
    total[:, 0] = padded[:, 0, 0]
    total[:, 1:2] = np.where(skipped[:, 1:2], padded[:, 0, 1:2], np.inf)
    back = np.zeros(padded.shape, np.int8)
    ends = np.empty(n_rows, np.int64)
    for t in range(padded.shape[1]):
        if t:
            stay = total
            step = np.pad(total, ((0, 0), (1, 0)), constant_values=np.inf)[:, :-1]
            skip = np.where(skipped, np.pad(total, ((0, 0), (2, 0)), constant_values=np.inf)[:, :-2], np.inf)
            moves = np.stack([stay, step, skip])
            back[:, t] = moves.argmin(axis=0)
            total = moves.min(axis=0) + padded[:, t]
        for row in np.flatnonzero(n_frames == t + 1):
            last = n_units[row] - 1
            over = last > 0 and optional[row][last] and total[row, last - 1] < total[row, last]
            ends[row] = last - 1 if over else last
    return [_walked_back(back[row, : n_frames[row]], int(ends[row])) for row in range(n_rows)]


def _walked_back(moves: np.ndarray, end: int) -> np.ndarray:
    places = np.empty(len(moves), np.int64)
    for t in range(len(moves) - 1, -1, -1):
        places[t] = end
        end -= int(moves[t, end]) if t else 0
    return places
