"""Columns of a table as places in the input tensors."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor

from cotrain._base._inputs import BAG, CATEGORIES, CHARACTERS, FIRSTS, PIECES, WORDS
from cotrain.cotraining.views._view import View
from cotrain.data import Schema


def column_view(schema: Schema, shown: Collection[str]) -> View:
    """Return the view that shows these columns of a table.

    Args:
        schema: fitted.
        shown: names of input columns.

    Example:
        >>> import polars as pl
        >>> from cotrain.data import Schema
        >>> frame = pl.DataFrame({"a": [0.5, 1.5, 2.5], "b": [3.5, 1.5, 2.5]})
        >>> schema = Schema.infer(frame).fit(frame)
        >>> view = column_view(schema, {"a"})
        >>> view.seen["numbers"].tolist()
        [True, False]
    """
    values = [column.name in shown for column in schema.columns for _ in range(column.n_numbers)]
    flags = [column.name in shown for column in schema.columns for _ in range(column.n_indicators)]
    codes = [column.name in shown for column in schema.columns for _ in column.cardinalities]
    seen: dict[str, Tensor] = {"numbers": torch.tensor(values + flags, dtype=torch.bool)}
    seen[CATEGORIES] = torch.tensor(codes, dtype=torch.bool)
    for column in schema.columns:
        if column.n_tokens:
            seen[BAG + column.name] = torch.tensor(column.name in shown)
        if column.subwords is not None:
            seen |= {kind + column.name: torch.tensor(column.name in shown) for kind in (FIRSTS, PIECES)}
        if column.n_words:
            seen |= {kind + column.name: torch.tensor(column.name in shown) for kind in (WORDS, CHARACTERS)}
    sizes = np.array(schema.spec().cardinalities, dtype=np.int64)
    # The first code of a column, shifted to where the column begins, is that of unknown values.
    return View(seen, {CATEGORIES: torch.from_numpy(np.cumsum(sizes) - sizes)})
