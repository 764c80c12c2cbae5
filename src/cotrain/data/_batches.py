"""Batches that are slices of tensors built once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError, check_number, mix_seed
from cotrain._base._lazy import Lazy
from cotrain._base._ragged import LENGTHS, Leaf, PaddedPlaces, Ragged, padded_inputs
from cotrain.data._read_ahead import read_ahead
from cotrain.data.sources import MixedOrder

#: Tensors or ragged rows in dicts in dicts.
Nested = Mapping[str, Any]
#: Where a leaf stands in them.
Path = tuple[str, ...]
AnyLeaf = Leaf | Lazy


@final
class Batches:
    """Cut rows of a nested dict of tensors into batches.

    The order of epoch e is a permutation that depends on (seed, e) alone, so that a resumed run can start
    in the middle of an epoch without any saved generator. Matrices of one type lie side by side in memory
    and are read with one gather per batch; a batch holds views of it.

    Ragged rows come padded with 0 to the longest of their batch, [B, S, ...] with S ≥ 1; the places of all
    leaves whose rows have the same lengths are worked out once. Beside a ragged leaf "x" of the dict "inputs"
    stand its lengths, "x:lengths", int64 [B]. Rows that lie in files (`Lazy`) are decoded in the background,
    those of the next batch while one is worked on.

    A last batch of one row is joined to the one before, because layers that normalise over the batch have
    nothing to do with a single row.

    Args:
        tensors: nested dict of tensors whose first axis has one length, N, and of N ragged rows.
        rows: rows to use, in the order they have without shuffling; `None` = all.
        batch_size: rows per batch, B ≥ 1; ≥ 2 with shuffling if there are several rows.
        seed: names the stream of orders.
        shuffle: whether an epoch has an order of its own; if not, rows come as given.
        mixed: which rows a batch takes, where these come from several sources: instead of `batch_size`,
            `seed` and `shuffle`.

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
        mixed: MixedOrder | None = None,
    ) -> None:
        check_number(self, 1, batch_size=batch_size)
        leaves = _flatten(tensors)
        lengths = {path: len(leaf) for path, leaf in leaves.items()}
        if len(set(lengths.values())) != 1:
            shown = {".".join(path): length for path, length in lengths.items()}
            raise InvalidArgumentError(f"Batches need tensors of one length, got {shown or 'no tensors'}.")
        n_rows = next(iter(lengths.values()))
        device = next(iter(leaves.values())).device
        self.rows = torch.arange(n_rows) if rows is None else torch.as_tensor(rows, dtype=torch.int64)
        self.rows = self.rows.to(device)
        self.batch_size = batch_size
        self.seed = seed
        self.shuffle = shuffle or mixed is not None
        self._mixed = mixed
        # All rows need no gather now, and in their own order none later: a batch is a slice.
        self._chosen = None if rows is None else self.rows
        self._fixed = _Packed(_of_one_shape(leaves, self._chosen))
        self._ragged = _groups(_of_many_lengths(leaves, self._chosen))
        self._lazy = _undecoded(leaves, self._chosen)
        #: First row and end of each batch in the order of an epoch.
        self.bounds = _bounds(len(self.rows), batch_size) if mixed is None else mixed.bounds

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
            tensors: nested dict of a part of the names, each with the type it had and the shape, but that
                a matrix may be wider or narrower.
        """
        leaves = _flatten(tensors)
        self._fixed.replace(_of_one_shape(leaves, self._chosen))
        ragged = _of_many_lengths(leaves, self._chosen)
        if ragged:
            kept = {path: leaf for group in self._ragged for path, leaf in group.leaves.items()}
            self._ragged = _groups(kept | ragged)

    def order(self, epoch: int) -> Tensor:
        """Return the order of an epoch: positions in `rows`, [number of rows]."""
        if not self.shuffle:
            return torch.arange(len(self.rows), device=self.rows.device)
        if self._mixed is not None:
            return self._mixed.rows(epoch).to(self.rows.device)
        generator = torch.Generator().manual_seed(mix_seed(self.seed, "epoch", epoch))
        return torch.randperm(len(self.rows), generator=generator).to(self.rows.device)

    def epoch(self, epoch: int, start: int = 0) -> Iterator[dict[str, Any]]:
        """Give the batches of an epoch, from batch number `start` on.

        Args:
            epoch: which one, ≥ 0.
            start: number of the first batch to give; the others are as if it were 0.
        """
        order = self.order(epoch) if self.shuffle else None
        bounds = self.bounds[start:]
        longest = [group.longest(order, bounds) for group in self._ragged]
        chosen = [slice(first, last) if order is None else order[first:last] for first, last in bounds]
        with closing(read_ahead(self._lazy, chosen)) as files:
            for number, (rows, decoded) in enumerate(zip(chosen, files, strict=True)):
                leaves = self._fixed.rows(rows)
                for group, sizes in zip(self._ragged, longest, strict=True):
                    leaves |= group.padded(rows, sizes[number])
                for path, leaf in decoded.items():
                    leaves |= _of_files(path, leaf)
                yield _unflatten(leaves)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        """Give the batches of epoch 0."""
        return self.epoch(0)


class _Packed:
    """Tensors side by side, one matrix per type."""

    def __init__(self, leaves: Mapping[Path, Tensor]) -> None:
        self.matrices: list[Tensor] = []
        #: per matrix: path -> (first column, last column); `None` = the whole tensor.
        self.places: list[dict[Path, tuple[int, int] | None]] = []
        by_type: dict[torch.dtype, dict[Path, Tensor]] = {}
        for path, tensor in leaves.items():
            if tensor.dim() == 2:
                by_type.setdefault(tensor.dtype, {})[path] = tensor
            else:
                self._add(tensor, {path: None})
        for group in by_type.values():
            ends = np.cumsum([tensor.shape[1] for tensor in group.values()]).tolist()
            starts = [0, *ends[:-1]]
            places = dict(zip(group, zip(starts, ends, strict=True), strict=True))
            if len(group) == 1:
                self._add(next(iter(group.values())), dict.fromkeys(group, None))
            else:
                self._add(torch.cat(list(group.values()), dim=1), dict(places))

    def _add(self, tensor: Tensor, places: dict[Path, tuple[int, int] | None]) -> None:
        self.matrices.append(tensor)
        self.places.append(places)

    def replace(self, leaves: Mapping[Path, Tensor]) -> None:
        for path, tensor in leaves.items():
            number = next(i for i, places in enumerate(self.places) if path in places)
            place = self.places[number][path]
            if place is None:
                # The matrix may be the caller's own tensor: it is exchanged, not written to.
                self.matrices[number] = tensor
            elif tensor.shape[1] != place[1] - place[0]:
                self._exchange(number, path, tensor)
            else:
                self.matrices[number][:, place[0] : place[1]] = tensor

    def _exchange(self, number: int, path: Path, tensor: Tensor) -> None:
        """Put a matrix of another width in the place of one."""
        parts = {
            other: tensor if other == path else self.matrices[number][:, slice(*(place or (None,)))]
            for other, place in self.places[number].items()
        }
        ends = np.cumsum([part.shape[1] for part in parts.values()]).tolist()
        self.matrices[number] = torch.cat(list(parts.values()), dim=1)
        self.places[number] = dict(zip(parts, zip([0, *ends[:-1]], ends, strict=True), strict=True))

    def rows(self, rows: slice | Tensor) -> dict[Path, Tensor]:
        """Return some rows of each: by a slice without copying, or by one gather for each matrix."""
        if isinstance(rows, slice):
            return self._views([matrix[rows] for matrix in self.matrices])
        return self._views([matrix.index_select(0, rows) for matrix in self.matrices])

    def _views(self, matrices: list[Tensor]) -> dict[Path, Tensor]:
        leaves: dict[Path, Tensor] = {}
        for matrix, places in zip(matrices, self.places, strict=True):
            for path, place in places.items():
                leaves[path] = matrix if place is None else matrix[:, place[0] : place[1]]
        return leaves


class _RowsOfOneLength:
    """Ragged leaves whose rows have the same lengths, padded together."""

    def __init__(self, leaves: dict[Path, Ragged]) -> None:
        self.leaves = leaves
        first = next(iter(leaves.values()))
        self.starts, self.lengths = first.offsets[:-1], first.lengths
        # On the host as well: the length of a batch is its shape, for which nobody should wait.
        self._host = self.lengths.cpu().numpy()
        self._inputs = [path for path in leaves if path[0] == "inputs"]

    def longest(self, order: Tensor | None, bounds: Sequence[tuple[int, int]]) -> list[int]:
        """Return S of every batch."""
        if not bounds:
            return []
        lengths = self._host if order is None else self._host[order.cpu().numpy()]
        return np.maximum(1, np.maximum.reduceat(lengths, [first for first, _ in bounds])).tolist()

    def padded(self, rows: slice | Tensor, size: int) -> dict[Path, Tensor]:
        starts, lengths = self.starts[rows], self.lengths[rows]
        places = PaddedPlaces(starts, lengths, size)
        found = {path: places.of(leaf.values) for path, leaf in self.leaves.items()}
        return found | {(*path[:-1], path[-1] + LENGTHS): lengths for path in self._inputs}


def _groups(leaves: Mapping[Path, Ragged]) -> list[_RowsOfOneLength]:
    groups: list[dict[Path, Ragged]] = []
    for path, leaf in leaves.items():
        for group in groups:
            if torch.equal(next(iter(group.values())).offsets, leaf.offsets):
                group[path] = leaf
                break
        else:
            groups.append({path: leaf})
    return [_RowsOfOneLength(group) for group in groups]


def _of_one_shape(leaves: Mapping[Path, AnyLeaf], rows: Tensor | None) -> dict[Path, Tensor]:
    fixed = {path: leaf for path, leaf in leaves.items() if isinstance(leaf, Tensor)}
    return fixed if rows is None else {path: leaf.index_select(0, rows) for path, leaf in fixed.items()}


def _of_many_lengths(leaves: Mapping[Path, AnyLeaf], rows: Tensor | None) -> dict[Path, Ragged]:
    ragged = {path: leaf for path, leaf in leaves.items() if isinstance(leaf, Ragged)}
    return ragged if rows is None else {path: leaf.index_select(0, rows) for path, leaf in ragged.items()}


def _undecoded(leaves: Mapping[Path, AnyLeaf], rows: Tensor | None) -> dict[Path, Lazy]:
    lazy = {path: leaf for path, leaf in leaves.items() if isinstance(leaf, Lazy)}
    return lazy if rows is None else {path: leaf.index_select(0, rows) for path, leaf in lazy.items()}


def _of_files(path: Path, leaf: Leaf) -> dict[Path, Tensor]:
    """Return decoded rows as a batch has them."""
    if isinstance(leaf, Tensor):
        return {path: leaf}
    found = padded_inputs({path[-1]: leaf})
    return {(*path[:-1], name): tensor for name, tensor in found.items()}


def _bounds(n_rows: int, batch_size: int) -> list[tuple[int, int]]:
    starts = list(range(0, n_rows, batch_size))
    if len(starts) > 1 and n_rows - starts[-1] == 1 and batch_size > 1:
        starts.pop()
    return list(zip(starts, [*starts[1:], n_rows], strict=True)) if starts else []


def _flatten(tensors: Nested, path: Path = ()) -> dict[Path, AnyLeaf]:
    leaves: dict[Path, AnyLeaf] = {}
    for name, value in tensors.items():
        if isinstance(value, Mapping):
            leaves.update(_flatten(value, (*path, name)))
        elif isinstance(value, Tensor | Ragged | Lazy):
            leaves[*path, name] = value
        else:
            raise InvalidArgumentError(
                f"{'.'.join((*path, name))} must be a tensor, ragged rows, or a dict of them, got "
                f"{type(value).__name__}."
            )
    return leaves


def _unflatten(leaves: Mapping[Path, Tensor]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for path, tensor in leaves.items():
        place = nested
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = tensor
    return nested
