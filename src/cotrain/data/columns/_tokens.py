"""Tokens of a text: stable hashing and padding."""

from __future__ import annotations

import zlib

import numpy as np

#: Token numbers with a meaning of their own; the others follow.
PADDING, MISSING, FIRST = 0, 1, 2


def hash_token(token: str, buckets: int) -> int:
    """Return the bucket in [0, buckets) of a token, the same in every process and version.

    Example:
        >>> hash_token("film", 1000)
        202
    """
    return zlib.crc32(token.encode("utf-8", "surrogatepass")) % buckets


def buckets_for(n_tokens: int, least: int, most: int) -> int:
    """Return the power of two that holds `n_tokens`, kept in [least, most]."""
    return int(min(most, max(least, 1 << max(0, n_tokens - 1).bit_length())))


def pad(rows: np.ndarray, tokens: np.ndarray, n_rows: int, width: int) -> np.ndarray:
    """Lay tokens out one row after the other, [n_rows, width], 0 where there are fewer.

    Args:
        rows: row of each token, ascending.
        tokens: token numbers, ≥ 1.
        n_rows: B.
        width: M; what does not fit is left out.
    """
    padded = np.zeros((n_rows, width), dtype=np.int64)
    counts = np.bincount(rows, minlength=n_rows)
    starts = np.cumsum(counts) - counts
    places = np.arange(len(rows)) - starts[rows]
    fits = places < width
    padded[rows[fits], places[fits]] = tokens[fits]
    return padded
