"""Rows of numbers that arrive in batches, in one array."""

from __future__ import annotations

from typing import final

import numpy as np


@final
class RowBuffer:
    """An array [N, R] that grows.

    Small arrays kept between large passing ones pin the memory that the large ones leave: of a thousand
    pictures' records, 7 MB, pieces in a list held 3 GB of the process. One array does not.

    Args:
        n_rows: how many rows will come, if that is known: then nothing is ever copied again.

    Example:
        >>> rows = RowBuffer()
        >>> rows.append(np.array([[1.0, 2.0]]))
        >>> rows.append(np.array([[3.0, 4.0], [5.0, 6.0]]))
        >>> len(rows), rows.array.sum(axis=0).tolist()
        (3, [9.0, 12.0])
    """

    def __init__(self, n_rows: int | None = None) -> None:
        self._capacity = n_rows or 0
        self._array: np.ndarray | None = None
        self._n_rows = 0

    def __len__(self) -> int:
        return self._n_rows

    def append(self, rows: np.ndarray) -> None:
        """Take rows [B, R] of the type and width of the first ones."""
        end = self._n_rows + len(rows)
        if self._array is None or end > len(self._array):
            self._capacity = max(end, self._capacity, 2 * self._n_rows)
            grown = np.empty((self._capacity, *rows.shape[1:]), rows.dtype)
            if self._array is not None:
                grown[: self._n_rows] = self.array
            self._array = grown
        self._array[self._n_rows : end] = rows
        self._n_rows = end

    @property
    def array(self) -> np.ndarray:
        """The rows so far, [N, R]; [0] before there are any."""
        return np.zeros(0) if self._array is None else self._array[: self._n_rows]
