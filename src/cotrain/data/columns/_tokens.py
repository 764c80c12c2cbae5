"""Tokens of a text: stable hashing and padding."""

from __future__ import annotations

from typing import Any

import numpy as np

from cotrain._base import DataError

#: Token numbers with a meaning of their own; the others follow.
PADDING, MISSING, FIRST = 0, 1, 2


#: What tokens are hashed by, in the state of a column.
HASH = "murmurhash3"


def hash_token(token: str, buckets: int) -> int:
    """Return the bucket in [0, buckets) of a token, the same in every process and version.

    It is that of MurmurHash3 (32 bits, seed 0, of the token in UTF-8), which other runtimes know as well:
    ONNX Runtime has an operator of that name.

    Source: Appleby, https://github.com/aappleby/smhasher.

    Example:
        >>> hash_token("film", 1000)
        951
    """
    from sklearn.utils import murmurhash3_32

    return int(murmurhash3_32(token.encode("utf-8", "surrogatepass"), positive=True)) % buckets


def require_hash(column: str, state: dict[str, Any]) -> None:
    """Raise `DataError` where a column was coded by the hash of an older version."""
    if state.get("hash") != HASH:
        raise DataError(
            f"The tokens of column {column!r} were hashed by an older version, in another way: train again."
        )


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
