"""Which classes of pixels are taken for which."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from cotrain.tasks._diagnosis import Diagnosis, nothing_recorded, nothing_to_show

#: Of more classes a matrix cannot be read, and a record of each picture would be large.
MOST_CLASSES = 30


def pixel_confusion(n_classes: int) -> Diagnosis:
    """Make the diagnosis of masks of C classes; nothing of more than `MOST_CLASSES`.

    Its summary has `confusion`: `names`, `counts[true][predicted]` over the labelled pixels of all pictures,
    and `of`, what is counted. Pixels of a class that training rows did not have are left out.

    Args:
        n_classes: C.

    Example:
        >>> found = pixel_confusion(2)
        >>> said, true = np.array([[[0, 1]]]), np.array([[[0, 0]]])
        >>> found.summary(found.record(said, true, np.ones((1, 1, 2), bool)), ["ground", "tree"])["confusion"]
        {'names': ['ground', 'tree'], 'counts': [[1, 1], [0, 0]], 'of': 'pixels'}
    """
    if n_classes > MOST_CLASSES:
        return Diagnosis(nothing_recorded, nothing_to_show)

    def record(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
        """Return the counts of every picture, [B, C²]; NaN without a labelled pixel."""
        rows = np.broadcast_to(np.arange(len(mask)).reshape(-1, *[1] * (mask.ndim - 1)), mask.shape)
        known = mask & (targets < n_classes)
        pairs = targets[known].astype(np.int64) * n_classes + scores[known].astype(np.int64)
        places = rows[known] * n_classes**2 + pairs
        counts = np.bincount(places, minlength=len(mask) * n_classes**2).astype(np.float64)
        counts = counts.reshape(len(mask), n_classes**2)
        counts[~mask.reshape(len(mask), -1).any(axis=1)] = np.nan
        return counts

    def summary(records: np.ndarray, names: Sequence[str]) -> dict[str, Any]:
        if not len(records) or np.isnan(records).all():
            return {}
        counts = np.nansum(records, axis=0).astype(np.int64).reshape(n_classes, n_classes)
        shown = [str(name) for name in names]
        return {"confusion": {"names": shown, "counts": counts.tolist(), "of": "pixels"}}

    return Diagnosis(record, summary)
