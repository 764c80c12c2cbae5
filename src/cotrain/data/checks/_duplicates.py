"""Rows that stand in training and in a part held out as well."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from cotrain.data.checks._base import Problem

#: Share of a part's rows from which duplicates distort the figures.
MANY = 0.01


def check_duplicates(
    frame: pl.DataFrame, inputs: Sequence[str], parts: Mapping[str, np.ndarray]
) -> list[Problem]:
    """Return a problem per held-out part with rows whose inputs all stand in training too.

    With few input columns equal rows are often different cases, so less than 1 % is a note.

    Args:
        frame: the table.
        inputs: names of the input columns.
        parts: from `split_rows`.

    Example:
        >>> frame = pl.DataFrame({"x": [1, 1, 2], "y": [0, 0, 1]})
        >>> parts = {"train": np.array([0]), "test": np.array([1, 2])}
        >>> check_duplicates(frame, ["x", "y"], parts)[0].values["rows"]
        1
    """
    usable = [name for name in dict.fromkeys(inputs) if frame[name].dtype != pl.Object]
    if not usable:
        return []
    # Not by `select`: it takes a name like * or ^a$ for a pattern.
    hashes = pl.DataFrame([frame[name] for name in usable]).hash_rows(seed=0).to_numpy()
    in_train = np.unique(hashes[parts["train"]])
    problems = []
    for part in ("validation", "test"):
        rows = parts.get(part, np.zeros(0, dtype=np.int64))
        again = int(np.isin(hashes[rows], in_train).sum())
        if again:
            share = again / len(rows)
            sentence = (
                f"{again:,} of {len(rows):,} {part} rows ({share:.1%}) have the inputs of a training row: "
                + (
                    "remove duplicates, or split by a group column."
                    if share >= MANY
                    else "few enough to leave."
                )
            )
            severity = "warning" if share >= MANY else "note"
            problems.append(Problem(severity, "duplicates", part, sentence, {"rows": again, "share": share}))
    return problems
