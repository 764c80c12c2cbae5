"""Any column as a few whole numbers, for comparing distributions."""

from __future__ import annotations

import numpy as np
import polars as pl

from cotrain.data.columns._tags import split_tags
from cotrain.data.columns._values import text_values


def column_codes(values: pl.Series, bins: int = 64) -> np.ndarray:
    """Return codes [N] ≥ 0: one per value, or per quantile bin of many numbers; 0 = missing.

    Args:
        values: the column.
        bins: numbers with more different values than this are put into so many quantile bins.

    Example:
        >>> column_codes(pl.Series(["b", None, "a", "b"])).tolist()
        [2, 0, 1, 2]
    """
    dtype = values.dtype
    if dtype.is_temporal():
        values = values.to_physical()
    elif dtype == pl.Binary:
        # Of pictures and sounds it is enough to know which are the same.
        values = values.hash(seed=0).cast(pl.String).set(values.is_null(), None)
    elif dtype.is_nested():
        joined = split_tags(values, ",").group_by("row", maintain_order=True).agg(pl.col("tag").str.join(","))
        text = np.full(len(values), None, dtype=object)
        text[joined["row"].to_numpy()] = joined["tag"].to_list()
        values = pl.Series(values.name, text.tolist(), dtype=pl.String)
    if values.dtype.is_float():
        values = values.fill_nan(None)
    if values.dtype.is_numeric() and values.drop_nulls().n_unique() > bins:
        known = values.drop_nulls().cast(pl.Float64).to_numpy()
        edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1]))
        filled = values.cast(pl.Float64).fill_null(float("nan")).to_numpy()
        return np.where(np.isnan(filled), 0, np.searchsorted(edges, filled, side="right") + 1)
    text = values.cast(pl.String) if values.dtype.is_numeric() else text_values(values)
    return text.rank("dense").fill_null(0).cast(pl.Int64).to_numpy()
