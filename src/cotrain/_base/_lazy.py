"""Rows that are decoded when a batch needs them.

It imports torch, so `cotrain._base` does not export it: layers that know torch import it from here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any, final

import torch
from torch import Tensor

from cotrain._base._errors import DataError, InvalidArgumentError
from cotrain._base._file_key import file_key
from cotrain._base._ragged import Leaf, Ragged

#: Threads that decode beside one another.
THREADS = 4


@final
class Lazy:
    """N rows that are decoded, from files mostly, when they are asked for, and not kept.

    `Batches` decodes the rows of the next batch in the background while a batch is worked on. Which rows, in
    which order, does not depend on how fast they are read.

    Args:
        cells: the path of each row's file, or the bytes of it; `None` where it has none.
        decode: from a cell to the row's tensor. Several threads call it at once, and equal cells must give
            equal tensors: what is random belongs to the training loop.
        ragged: whether rows may differ in the length of their first axis, such as sounds.
        blank: what a row without a cell holds; `None`: there is no such row.

    Raises:
        InvalidArgumentError: a row has no cell and there is no `blank`.

    Example:
        >>> rows = Lazy(["a", "bcd", None], lambda path: torch.full((len(path),), 1.0), ragged=True,
        ...             blank=torch.zeros(0))
        >>> rows[torch.tensor([1, 2, 0])].decoded().padded().tolist()
        [[1.0, 1.0, 1.0], [0.0, 0.0, 0.0], [1.0, 0.0, 0.0]]
    """

    __slots__ = ("blank", "cells", "decode", "device", "ragged", "rows")

    def __init__(
        self,
        cells: Sequence[str | bytes | None],
        decode: Callable[[Any], Tensor],
        *,
        ragged: bool = False,
        blank: Tensor | None = None,
    ) -> None:
        self.cells = list(cells)
        if blank is None and None in self.cells:
            raise InvalidArgumentError(
                f"Row {self.cells.index(None)} has no file, and nothing is said to stand for it: give blank=."
            )
        self.decode = decode
        self.ragged = ragged
        self.blank = blank
        self.device = torch.device("cpu")
        #: Which of the cells these rows are, int64 [N].
        self.rows = torch.arange(len(self.cells))

    def __len__(self) -> int:
        return len(self.rows)

    def index_select(self, dim: int, index: Tensor) -> Lazy:
        """Return the rows of these numbers, in this order, as `Tensor.index_select` does.

        Args:
            dim: 0.
            index: int64 [R], each in [0, N).

        Raises:
            InvalidArgumentError: `dim` is not 0.
        """
        if dim != 0:
            raise InvalidArgumentError(f"Rows of files are chosen along axis 0, got {dim!r}.")
        return self._with(self.rows.index_select(0, index.cpu()), self.device)

    def __getitem__(self, rows: slice | Tensor) -> Lazy:
        """Return some rows: a slice, or those that a bool [N] or int64 [R] tensor names."""
        return self._with(self.rows[rows.cpu() if isinstance(rows, Tensor) else rows], self.device)

    def to(self, device: torch.device | str) -> Lazy:
        """Return the same rows, to be put on another device when they are decoded."""
        return self._with(self.rows, torch.device(device))

    def map(self, function: Callable[[Tensor], Tensor]) -> Lazy:
        """Return the same rows with `function(row)` in the place of each, taken when it is decoded."""
        other, decode = self._with(self.rows, self.device), self.decode
        other.decode = lambda cell: function(decode(cell))
        other.blank = None if self.blank is None else function(self.blank)
        return other

    def row(self, place: int) -> Tensor:
        """Return one row, decoded, on the host.

        Raises:
            DataError: the file cannot be decoded; with its row and name.
        """
        number = int(self.rows[place])
        cell = self.cells[number]
        if cell is None:
            return self.blank if self.blank is not None else torch.zeros(0)
        try:
            return self.decode(cell)
        except DataError as error:
            raise DataError(f"Row {number}: {error}") from error
        except Exception as error:
            # A decoder may fail in any way of its own, and here the row and the file are known.
            reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
            raise DataError(f"Row {number}: cannot read {_shown(cell)}: {reason}.") from error

    def decoded(self) -> Leaf:
        """Return all rows: a tensor [N, ...], or ragged rows if they may differ in length.

        Raises:
            DataError: a cell cannot be decoded, or its shape is not that of the others.
        """
        with ThreadPoolExecutor(THREADS) as pool:
            return self.joined([row.result() for row in self.started(pool)])

    def started(self, pool: Executor) -> list[Future[Tensor]]:
        """Begin to decode all rows in the background; `joined` takes what the futures give."""
        return [pool.submit(self.row, place) for place in range(len(self))]

    def joined(self, rows: Sequence[Tensor]) -> Leaf:
        """Put decoded rows together.

        Args:
            rows: what `row` gave for each, in order.

        Raises:
            DataError: shapes differ in more than they may.
        """
        for place, row in enumerate(rows):
            if row.shape[self.ragged :] != rows[0].shape[self.ragged :] or row.dim() != rows[0].dim():
                one, other = (self._named(at) for at in (place, 0))
                raise DataError(
                    f"{one} has the shape {tuple(row.shape)}, but {other} has {tuple(rows[0].shape)}: bring "
                    "all files to one shape."
                )
        if self.ragged or not rows:
            return Ragged.from_rows(list(rows)).to(self.device)
        return torch.stack(list(rows)).to(self.device)

    def keys(self) -> list[bytes]:
        """Return a short hash of each row's cell: of a file its length, its beginning and its end.

        Reading all of every file would take as long as an epoch; a file that was changed in place, with its
        length, beginning and end kept, is not noticed.

        Raises:
            DataError: a file is not there.
        """
        known = {number: self._key(number) for number in set(self.rows.tolist())}
        return [known[number] for number in self.rows.tolist()]

    def _key(self, number: int) -> bytes:
        cell = self.cells[number]
        if cell is None:
            return b""
        if isinstance(cell, bytes):
            return hashlib.blake2b(cell, digest_size=16).digest()
        try:
            return file_key(cell)
        except OSError as error:
            raise DataError(f"Row {number}: cannot read {cell}: {error.strerror or error}.") from error

    def _named(self, place: int) -> str:
        number = int(self.rows[place])
        return f"Row {number} ({_shown(self.cells[number])})"

    def _with(self, rows: Tensor, device: torch.device) -> Lazy:
        other = object.__new__(Lazy)
        for name in self.__slots__:
            setattr(other, name, getattr(self, name))
        other.rows, other.device = rows, device
        return other

    def __repr__(self) -> str:
        return f"Lazy({len(self)} rows)"


def _shown(cell: str | bytes | None) -> str:
    return cell if isinstance(cell, str) else "no file" if cell is None else f"its {len(cell)} bytes"
