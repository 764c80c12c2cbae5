"""Columns that look different in training and in a part held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from cotrain.data.checks._base import Problem
from cotrain.data.checks._codes import column_codes

#: Total variation beyond what chance gives, from which a column counts as different.
DIFFERENT = 0.15


def check_drift(frame: pl.DataFrame, inputs: Sequence[str], parts: Mapping[str, np.ndarray]) -> list[Problem]:
    """Return a warning per column whose values are distributed differently in validation or test.

    d = ½ Σ_v |p_train(v) − p_part(v)| over values v (of numbers: 16 quantile bins; of others: those in at
    least one row of a hundred, the rest together), less the √(V / (2π) · (1/n + 1/m)) that V values of equal
    distribution give at most.

    Args:
        frame: the table.
        inputs: names of the input columns.
        parts: from `split_rows`.

    Example:
        >>> frame = pl.DataFrame({"x": ["a"] * 100 + ["b"] * 100})
        >>> parts = {"train": np.arange(100), "test": np.arange(100, 200)}
        >>> round(check_drift(frame, ["x"], parts)[0].values["distance"], 2)
        0.9
    """
    problems = []
    for column in inputs:
        codes = _folded(column_codes(frame[column], bins=16))
        n_codes = int(codes.max(initial=0)) + 1
        train = np.bincount(codes[parts["train"]], minlength=n_codes)
        for part in ("validation", "test"):
            rows = parts.get(part, np.zeros(0, dtype=np.int64))
            if len(rows) == 0 or train.sum() == 0:
                continue
            held_out = np.bincount(codes[rows], minlength=n_codes)
            apart = 0.5 * np.abs(train / train.sum() - held_out / len(rows)).sum()
            chance = np.sqrt(n_codes / (2 * np.pi) * (1 / train.sum() + 1 / len(rows)))
            distance = float(apart - chance)
            if distance > DIFFERENT:
                sentence = (
                    f"Column {column!r} is distributed differently in {part} than in training (distance "
                    f"{distance:.2f} of 1): figures on {part} may not carry over to new rows."
                )
                problems.append(
                    Problem("warning", "drift", column, sentence, {"part": part, "distance": distance})
                )
    return problems


def _folded(codes: np.ndarray) -> np.ndarray:
    counts = np.bincount(codes)
    frequent = np.flatnonzero(counts >= max(1, len(codes) / 100))
    number = np.zeros(len(counts), dtype=np.int64)
    number[frequent] = np.arange(1, len(frequent) + 1)
    return number[codes]
