"""Simplex weights that are kept per task while some tasks are absent."""

from __future__ import annotations

from typing import Any

import numpy as np


def recall_simplex(kept: dict[str, Any], index_A: np.ndarray) -> tuple[np.ndarray, float]:
    """Return the kept weights of the active tasks, brought to sum 1, and their sum before that."""
    weights_A = np.array([kept.get(str(task), 1.0) for task in index_A])
    total = float(weights_A.sum())
    if total <= 0:
        return np.full(index_A.size, 1.0 / index_A.size), 0.0
    return weights_A / total, total


def keep_simplex(kept: dict[str, Any], index_A: np.ndarray, weights_A: np.ndarray, total: float) -> None:
    """Store new weights of the active tasks with the sum that they had; absent ones stay as they are."""
    kept.update({str(task): float(weight * total) for task, weight in zip(index_A, weights_A, strict=True)})
