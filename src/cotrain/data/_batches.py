"""Batches that are slices of tensors built once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError, mix_seed

#: Tensors in dicts in dicts.
Nested = Mapping[str, Any]


@final
class Batches:
    """Cut rows of a nested dict of tensors into batches.

    The order of epoch e is a permutation that depends on (seed, e) alone, so that a resumed run can start
    in the middle of an epoch without any saved generator. Matrices of one type lie side by side in memory
    and are read with one gather per batch; a batch holds views of it.

    A last batch of one row is joined to the one before, because layers that normalise over the batch have
    nothing to do with a single row.

    Args:
        tensors: nested dict of tensors whose first axis has one length, N.
        rows: rows to use, in the order they have without shuffling; `None` = all.
        batch_size: rows per batch, B ≥ 1; ≥ 2 with shuffling if there are several rows.
        seed: names the stream of orders.
        shuffle: whether an epoch has an order of its own; if not, rows come as given.

    Raises:
        InvalidArgumentError: `batch_size` is below 1, there are no tensors, or their lengths differ.

    Example:
        >>> batches = Batches({"x": torch.arange(5.0)[:, None]}, batch_size=2, shuffle=False)
        >>> [batch["x"].flatten().tolist() for batch in batches.epoch(0)]
        [[0.0, 1.0], [2.0, 3.0, 4.0]]
        >>> len(batches)
        2
    """

    def __init__(
        self,
        tensors: Nested,
        rows: np.ndarray | Tensor | None = None,
        batch_size: int = 1024,
        seed: int = 0,
        *,
        shuffle: bool = True,
    ) -> None:
        if batch_size < 1:
            raise InvalidArgumentError(f"batch_size must be at least 1, got {batch_size!r}.")
        self._leaves = _flatten(tensors)
        lengths = {path: len(tensor) for path, tensor in self._leaves.items()}
        if len(set(lengths.values())) != 1:
            shown = {".".join(path): length for path, length in lengths.items()}
            raise InvalidArgumentError(f"Batches need tensors of one length, got {shown or 'no tensors'}.")
        n_rows = next(iter(lengths.values()))
        self.rows = torch.arange(n_rows) if rows is None else torch.as_tensor(rows, dtype=torch.int64)
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle
        device = next(iter(self._leaves.values())).device
        self.rows = self.rows.to(device)
        whole = rows is None and not shuffle
        # Rows in their own order need no gather at all: a batch is a slice.
        self._source = _Packed(self._leaves, None if whole else self.rows)
        #: First row and end of each batch in the order of an epoch.
        self.bounds = _bounds(len(self.rows), batch_size)

    def __len__(self) -> int:
        """Return the number of batches in an epoch."""
        return len(self.bounds)

    @property
    def n_rows(self) -> int:
        """Rows in an epoch."""
        return len(self.rows)

    def replace(self, tensors: Nested) -> None:
        """Put other values in the place of some tensors, for all batches that are given from now on.

        The tensors that were given at first are read only and stay as they are.

        Args:
            tensors: nested dict of a part of the names, each with the shape and type it had.
        """
        self._source.replace({path: tensor[self.rows] for path, tensor in _flatten(tensors).items()})

    def order(self, epoch: int) -> Tensor:
        """Return the order of an epoch: positions in `rows`, [number of rows]."""
        if not self.shuffle:
            return torch.arange(len(self.rows), device=self.rows.device)
        generator = torch.Generator().manual_seed(mix_seed(self.seed, "epoch", epoch))
        return torch.randperm(len(self.rows), generator=generator).to(self.rows.device)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[dict[str, Any]]:
        """Give the batches of an epoch, from batch number `start` on.

        Args:
            epoch: which one, ≥ 0.
            start: number of the first batch to give; the others are as if it were 0.
        """
        order = self.order(epoch) if self.shuffle else None
        for first, last in self.bounds[start:]:
            if order is None:
                leaves = self._source.slice(first, last)
            else:
                leaves = self._source.gather(order[first:last])
            yield _unflatten(leaves)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Give the batches of epoch 0."""
        return self.epoch(0)


class _Packed:
    """Tensors side by side, one matrix per type."""

    def __init__(self, leaves: dict[tuple[str, ...], Tensor], rows: Tensor | None) -> None:
        self.matrices: list[Tensor] = []
        #: per matrix: path -> (first column, last column); `None` = the whole tensor.
        self.places: list[dict[tuple[str, ...], tuple[int, int] | None]] = []
        by_type: dict[torch.dtype, dict[tuple[str, ...], Tensor]] = {}
        for path, tensor in leaves.items():
            if tensor.dim() == 2:
                by_type.setdefault(tensor.dtype, {})[path] = tensor
            else:
                self._add(tensor, {path: None}, rows)
        for group in by_type.values():
            ends = np.cumsum([tensor.shape[1] for tensor in group.values()]).tolist()
            starts = [0, *ends[:-1]]
            places = dict(zip(group, zip(starts, ends, strict=True), strict=True))
            if len(group) == 1:
                self._add(next(iter(group.values())), dict.fromkeys(group, None), rows)
            else:
                self._add(torch.cat(list(group.values()), dim=1), dict(places), rows)

    def _add(
        self, tensor: Tensor, places: dict[tuple[str, ...], tuple[int, int] | None], rows: Tensor | None
    ) -> None:
        self.matrices.append(tensor if rows is None else tensor.index_select(0, rows))
        self.places.append(places)

    def replace(self, leaves: Mapping[tuple[str, ...], Tensor]) -> None:
        for path, tensor in leaves.items():
            number = next(i for i, places in enumerate(self.places) if path in places)
            place = self.places[number][path]
            if place is None:
                # The matrix may be the caller's own tensor: it is exchanged, not written to.
                self.matrices[number] = tensor
            else:
                self.matrices[number][:, place[0] : place[1]] = tensor

    def gather(self, index: Tensor) -> dict[tuple[str, ...], Tensor]:
        return self._views([matrix.index_select(0, index) for matrix in self.matrices])

    def slice(self, first: int, last: int) -> dict[tuple[str, ...], Tensor]:
        return self._views([matrix[first:last] for matrix in self.matrices])

    def _views(self, matrices: list[Tensor]) -> dict[tuple[str, ...], Tensor]:
        leaves: dict[tuple[str, ...], Tensor] = {}
        for matrix, places in zip(matrices, self.places, strict=True):
            for path, place in places.items():
                leaves[path] = matrix if place is None else matrix[:, place[0] : place[1]]
        return leaves


def _bounds(n_rows: int, batch_size: int) -> list[tuple[int, int]]:
    starts = list(range(0, n_rows, batch_size))
    if len(starts) > 1 and n_rows - starts[-1] == 1 and batch_size > 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], n_rows], strict=True)) if starts else []


def _flatten(tensors: Nested, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Tensor]:
    leaves: dict[tuple[str, ...], Tensor] = {}
    for name, value in tensors.items():
        if isinstance(value, Mapping):
            leaves.update(_flatten(value, (*path, name)))
        elif isinstance(value, Tensor):
            leaves[*path, name] = value
        else:
            raise InvalidArgumentError(
                f"{'.'.join((*path, name))} must be a tensor or a dict of them, got {type(value).__name__}."
            )
    return leaves


def _unflatten(leaves: Mapping[tuple[str, ...], Tensor]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, tensor in leaves.items():
        place = nested
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = tensor
    return nested
