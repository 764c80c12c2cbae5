"""A column of vectors."""

from __future__ import annotations

from typing import Any, final

import numpy as np
import polars as pl

from cotrain._base import DataError
from cotrain.data.columns._base import Column, Parts
from cotrain.data.columns._number_lists import number_lists

#: Standard deviations beyond which a value says no more than "far out".
CLIP = 6.0


@final
class Vector(Column):
    """Numbers whose places mean something, as many in each cell: an embedding, a spectrum, a fingerprint.

    z_j = clip((x_j − mean_j) / std_j, ±6) of each place j; 0 where the cell, or the number in it, is missing.

    Cells are lists or arrays of numbers, or texts that spell such a list as JSON or NumPy do.

    Args:
        name: name of the column.

    Raises:
        DataError: a cell holds no list of numbers, an infinite one, or more or fewer than the others.

    Example:
        >>> column = Vector("embedding").fit(pl.Series("embedding", [[0.5, 1.0], [1.5, 3.0], None]))
        >>> column.encode(pl.Series("embedding", [[1.5, 1.0], None])).numbers.tolist()
        [[1.0, -1.0], [0.0, 0.0]]
    """

    def learn(self, values: pl.Series) -> dict[str, Any]:
        """Learn how many numbers a cell has, and mean and spread of each."""
        lists = self._lists(values)
        lengths = lists.list.len().drop_nulls()
        if not len(lengths) or not int(lengths[0]):
            raise DataError(f"Column {self.name!r} is a vector column, but no row has numbers: leave it out.")
        x, missing = self._matrix(lists, int(lengths[0]))
        known = ~np.isnan(x)
        n_known = np.maximum(known.sum(axis=0), 1)
        mean = np.where(known, x, 0).sum(axis=0) / n_known
        std = np.sqrt((np.where(known, x - mean, 0) ** 2).sum(axis=0) / n_known)
        return {
            "missing": bool(missing.any()),
            "mean": mean.tolist(),
            "std": np.where(std > 0, std, 1).tolist(),
        }

    def settle(self) -> None:
        """Set the sizes."""
        if len(self.state["mean"]) != len(self.state["std"]):
            raise DataError(f"The schema is damaged: column {self.name!r} has not one spread for each mean.")
        self.n_numbers = len(self.state["mean"])
        self.n_indicators = int(self.state["missing"])

    def encode(self, values: pl.Series) -> Parts:
        """Code the vectors."""
        x, missing = self._matrix(self._lists(values), self.n_numbers)
        z = (x - np.asarray(self.state["mean"])) / np.asarray(self.state["std"])
        numbers = np.nan_to_num(np.clip(z, -CLIP, CLIP)).astype(np.float32)
        indicators = missing.astype(np.float32)[:, None] if self.n_indicators else None
        return Parts(numbers=numbers, indicators=indicators)

    def _lists(self, values: pl.Series) -> pl.Series:
        lists = number_lists(values)
        wrong = values.filter(lists.is_null() & values.is_not_null())
        if len(wrong):
            raise DataError(
                f"Column {self.name!r} is a vector column, but {len(wrong)} of its {len(values)} values are "
                f"no lists of numbers, such as {str(wrong[0])[:40]!r}: mend them, or empty the cells."
            )
        return lists

    def _matrix(self, lists: pl.Series, width: int) -> tuple[np.ndarray, np.ndarray]:
        """Return float64 [B, width], NaN where missing, and whether the whole cell is, bool [B]."""
        lengths = lists.list.len()
        wrong = lengths.filter(lengths.is_not_null() & (lengths != width))
        if len(wrong):
            raise DataError(
                f"Column {self.name!r} is a vector column, whose cells have {width} numbers, but "
                f"{len(wrong)} of its {len(lists)} cells have another number of them, such as {wrong[0]}: "
                "mend them, or empty the cells."
            )
        missing = lists.is_null().to_numpy()
        x = np.full((len(lists), width), np.nan)
        x[~missing] = lists.drop_nulls().explode().cast(pl.Float64).to_numpy().reshape(-1, width)
        infinite = int(np.isinf(x).any(axis=1).sum())
        if infinite:
            raise DataError(
                f"Column {self.name!r} has infinite values in {infinite} cell{'s' * (infinite > 1)}: replace "
                "them by numbers, or leave the cells empty."
            )
        return x, missing
