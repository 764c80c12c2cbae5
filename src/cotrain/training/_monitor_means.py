"""What the gradient monitor saw in an epoch, as one record."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

#: Arrays whose mean is kept; of cosines also the share that is negative.
MEANS = ("norms", "weights", "cosines", "affinity", "update", "update_of_sum")


def mean_record(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the mean of a monitor's records under the key "gradients", `None` for what no record has.

    Args:
        records: as `Monitor.take` gives them, all of the same tasks in the same order.

    Returns:
        {} if there are no records. Else `tasks`, `n` and the mean of `norms`, `weights`, `cosines`,
        `affinity`, `update` and `update_of_sum`; `opposed` is the share of records in which a pair's cosine
        is negative, K×K.

    Example:
        >>> record = {"tasks": ["a"], "norms": [2.0], "weights": [1.0], "cosines": [[1.0]],
        ...           "affinity": [[4.0]], "update": 2.0, "update_of_sum": 2.0}
        >>> mean_record([record, record | {"norms": [float("nan")]}])["gradients"]["norms"]
        [2.0]
    """
    if not records:
        return {}
    found: dict[str, Any] = {"tasks": list(records[0]["tasks"]), "n": len(records)}
    for name in MEANS:
        found[name] = _mean(np.array([record[name] for record in records], dtype=float))
    cosines = np.array([record["cosines"] for record in records], dtype=float)
    found["opposed"] = _mean(np.where(np.isfinite(cosines), cosines < 0, np.nan))
    return {"gradients": found}


def _mean(values: np.ndarray) -> Any:
    """Return the mean over the first axis of what is finite, rounded to six digits, as plain values."""
    finite = np.isfinite(values)
    counts = finite.sum(axis=0)
    sums = np.where(finite, values, 0.0).sum(axis=0)
    means = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return _plain(means.tolist())


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return float(f"{value:.6g}") if math.isfinite(value) else None
