"""Input columns that may say how much each row counts."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from cotrain.data.checks._base import Problem

#: Names that surveys and libraries give to weights of rows; "fnlwgt" is that of the census.
_NAMES = re.compile(
    r"((sample|row|case|survey|person|household|instance|obs|observation|importance|final|design)[ _.-]?)?"
    r"(weights?|weighting|wts?|wgts?)|fnlwgt|pweight|sampling[ _.-]?weights?",
    re.IGNORECASE,
)


def weight_columns(frame: pl.DataFrame, inputs: Sequence[str]) -> list[str]:
    """Return the input columns of numbers ≥ 0 that are called as weights of rows are.

    Example:
        >>> weight_columns(pl.DataFrame({"sample_weight": [1.5], "weight_kg": [70.0]}), ["sample_weight"])
        ['sample_weight']
    """
    found = []
    for name in inputs:
        values = frame[name] if name in frame.columns and _NAMES.fullmatch(name) else None
        if values is not None and values.dtype.is_numeric() and not (values.drop_nulls() < 0).any():
            found.append(name)
    return found


def check_weights(frame: pl.DataFrame, inputs: Sequence[str]) -> list[Problem]:
    """Return a warning per input that may be a weight of rows: nothing is taken for one unless it is said.

    Example:
        >>> check_weights(pl.DataFrame({"weight": [1, 2]}), ["weight"])[0].subject
        'weight'
    """
    return [Problem("warning", "weights", name, sentence(name)) for name in weight_columns(frame, inputs)]


def sentence(column: str) -> str:
    """Return what to do with such a column."""
    return (
        f"Column {column!r} is an input like any other: if it says how much each row counts, write "
        f"sample_weight: {column}."
    )
