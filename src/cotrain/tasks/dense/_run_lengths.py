"""Run lengths: a region of a picture as the lengths of its runs of pixels outside and inside, as COCO's RLE.

Pixels are counted down the columns, from the left one to the right; the first run is outside and may be 0. In
text each length, from the fourth on less the one two places before it, is written in groups of 5 bits, the
lowest first, 6 bits a letter from "0" on; the sixth says that another group follows, and the highest bit of
the last group is the sign.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cotrain._base import DataError

#: Letters stand for 0 to 63 from here on.
_FIRST = ord("0")
_MORE, _SIGN, _BITS = 0x20, 0x10, 0x1F
#: More groups than a length of any picture has.
_MOST_GROUPS = 8


def runs_as_text(lengths: Sequence[int]) -> str:
    """Return run lengths as text.

    Example:
        >>> runs_as_text([6, 1, 40, 4, 5, 4, 5, 4, 21])
        '61X13mN000`0'
    """
    letters = []
    for place, length in enumerate(lengths):
        rest = length - lengths[place - 2] if place > 2 else length
        more = True
        while more:
            group = rest & _BITS
            rest >>= 5
            more = rest != (-1 if group & _SIGN else 0)
            letters.append(chr(_FIRST + (group | (_MORE if more else 0))))
    return "".join(letters)


def runs_from_text(text: str) -> np.ndarray:
    """Return the run lengths that a text has, int64.

    Raises:
        DataError: it is no such text.

    Example:
        >>> runs_from_text("61X13mN000`0").tolist()
        [6, 1, 40, 4, 5, 4, 5, 4, 21]
    """
    groups = np.frombuffer(text.encode("utf-8"), np.uint8).astype(np.int64) - _FIRST
    last = np.flatnonzero((groups & _MORE) == 0)
    sizes = np.diff(last, prepend=-1)
    cut_off = len(groups) > 0 and (not len(last) or last[-1] < len(groups) - 1)
    if cut_off or ((groups < 0) | (groups > 2 * _MORE - 1)).any() or (sizes > _MOST_GROUPS).any():
        raise DataError(f"{text[:40]!r} is no text of run lengths: a letter is lacking, or is none of RLE's.")
    if not len(groups):
        return groups
    starts = last - sizes + 1
    shifts = 5 * (np.arange(len(groups)) - np.repeat(starts, sizes))
    lengths = np.add.reduceat((groups & _BITS) << shifts, starts)
    lengths = np.where(groups[last] & _SIGN, lengths - (np.int64(1) << 5 * sizes), lengths)
    # From the fourth on each says how much longer it is than the one two places before it.
    lengths[1::2], lengths[2::2] = lengths[1::2].cumsum(), lengths[2::2].cumsum()
    return lengths


def region_of_runs(text: str, height: int, width: int) -> np.ndarray:
    """Return which pixels are in the region whose run lengths a text has, bool [H, W].

    Raises:
        DataError: it is no such text, or the runs do not fill the picture.

    Example:
        >>> region_of_runs(runs_as_text([1, 2, 1]), 2, 2).tolist()
        [[False, True], [True, False]]
    """
    lengths = runs_from_text(text)
    if (lengths < 0).any() or lengths.sum() != height * width:
        raise DataError(
            f"The run lengths {text[:40]!r} are of {int(lengths.sum()):,} pixels, expected "
            f"{height * width:,} for a picture of {width}×{height}."
        )
    inside = np.arange(len(lengths)) % 2 == 1
    return np.repeat(inside, lengths).reshape(width, height).T
