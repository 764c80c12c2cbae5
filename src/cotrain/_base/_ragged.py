"""Rows of different length, one after the other in one tensor.

It imports torch, so `cotrain._base` does not export it: layers that know torch import it from here.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias, final

import torch
from torch import Tensor

from cotrain._base._errors import InvalidArgumentError


@final
class Ragged:
    """N rows of different length: their entries one after the other, and where each row begins.

    Row i holds values[offsets[i]:offsets[i + 1]]. Nothing is padded, so a long row costs the others nothing,
    and a zero among the entries is an entry like any other.

    Args:
        values: the entries of all rows, [M, ...].
        offsets: int64 [N + 1], from 0 to M, never falling.

    Raises:
        InvalidArgumentError: the offsets do not divide the values.

    Example:
        >>> rows = Ragged.from_rows([torch.tensor([7, 8]), torch.tensor([9])])
        >>> len(rows), rows.lengths.tolist(), rows.padded().tolist()
        (2, [2, 1], [[7, 8], [9, 0]])
        >>> rows[torch.tensor([1, 0, 1])].values.tolist()
        [9, 7, 8, 9]
    """

    __slots__ = ("offsets", "values")

    def __init__(self, values: Tensor, offsets: Tensor) -> None:
        if values.dim() < 1 or offsets.dim() != 1 or offsets.dtype != torch.int64 or not len(offsets):
            raise InvalidArgumentError(
                f"Ragged rows need values [M, ...] and int64 offsets [N + 1], got values "
                f"{list(values.shape)} and {offsets.dtype} offsets {list(offsets.shape)}."
            )
        # Values on another device are not looked at: that would make the host wait for it.
        if offsets.device.type == "cpu" and not (
            int(offsets[0]) == 0 and int(offsets[-1]) == len(values) and bool((offsets.diff() >= 0).all())
        ):
            raise InvalidArgumentError(
                f"Offsets of ragged rows must rise from 0 to {len(values)}, the number of entries, got "
                f"{offsets[:4].tolist()} … {int(offsets[-1])}."
            )
        self.values = values
        self.offsets = offsets

    @classmethod
    def from_rows(cls, rows: Sequence[Tensor]) -> Ragged:
        """Lay rows one after the other.

        Args:
            rows: N tensors [S_i, ...] of one type, device and shape after the first axis.

        Raises:
            InvalidArgumentError: they differ in more than their length.
        """
        if not rows:
            return cls(torch.zeros(0), torch.zeros(1, dtype=torch.int64))
        first = rows[0]
        for number, row in enumerate(rows):
            if row.dim() < 1 or row.shape[1:] != first.shape[1:] or row.dtype != first.dtype:
                raise InvalidArgumentError(
                    f"Row {number} is {row.dtype} {list(row.shape)}, row 0 is {first.dtype} "
                    f"{list(first.shape)}: ragged rows may differ in their first axis alone."
                )
        lengths = torch.tensor([len(row) for row in rows], device=first.device)
        return cls(torch.cat(list(rows)), _ends(lengths))

    @classmethod
    def from_padded(cls, padded: Tensor, lengths: Tensor) -> Ragged:
        """Cut rows out of a padded tensor.

        Args:
            padded: [N, S, ...].
            lengths: int64 [N], each in [0, S].

        Raises:
            InvalidArgumentError: the numbers of rows differ.
        """
        if padded.dim() < 2 or lengths.dim() != 1 or len(lengths) != len(padded):
            raise InvalidArgumentError(
                f"A padded tensor [N, S, ...] and lengths [N] are needed, got {list(padded.shape)} and "
                f"{list(lengths.shape)}."
            )
        there = torch.arange(padded.shape[1], device=padded.device) < lengths[:, None]
        return cls(padded[there], _ends(lengths.to(torch.int64)))

    @classmethod
    def cat(cls, parts: Sequence[Ragged]) -> Ragged:
        """Join the rows of several, in order.

        Raises:
            InvalidArgumentError: there are none.
        """
        if not parts:
            raise InvalidArgumentError("Ragged.cat needs at least one part, got none.")
        lengths = torch.cat([part.lengths for part in parts])
        return cls(torch.cat([part.values for part in parts]), _ends(lengths))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> Tensor:
        """Number of entries of each row, int64 [N]."""
        return self.offsets.diff()

    @property
    def row_of_entry(self) -> Tensor:
        """Number of the row of each entry, int64 [M]."""
        rows = torch.arange(len(self), device=self.device)
        return rows.repeat_interleave(self.lengths, output_size=len(self.values))

    @property
    def dtype(self) -> torch.dtype:
        """Type of the values."""
        return self.values.dtype

    @property
    def device(self) -> torch.device:
        """Where the values lie."""
        return self.values.device

    def is_floating_point(self) -> bool:
        """Whether the values are floating-point numbers."""
        return self.values.is_floating_point()

    def index_select(self, dim: int, index: Tensor) -> Ragged:
        """Return the rows of these numbers, in this order, as `Tensor.index_select` does.

        Args:
            dim: 0.
            index: int64 [R], each in [0, N).

        Raises:
            InvalidArgumentError: `dim` is not 0.
        """
        if dim != 0:
            raise InvalidArgumentError(f"Ragged rows are chosen along axis 0, got {dim!r}.")
        lengths = self.lengths.index_select(0, index)
        offsets = _ends(lengths)
        # Entry j of the result lies as far behind the start of its row here as there.
        shift = self.offsets.index_select(0, index) - offsets[:-1]
        total = int(offsets[-1])
        places = torch.arange(total, device=self.device) + shift.repeat_interleave(lengths, output_size=total)
        return Ragged(self.values.index_select(0, places), offsets)

    def __getitem__(self, rows: slice | Tensor) -> Ragged:
        """Return some rows: a slice without copying, or those that a bool [N] or int64 [R] tensor names."""
        if isinstance(rows, Tensor):
            if rows.dtype == torch.bool:
                rows = rows.nonzero().flatten()
            return self.index_select(0, torch.where(rows < 0, rows + len(self), rows))
        if not isinstance(rows, slice):
            raise InvalidArgumentError(
                f"Ragged rows are read by a slice or a tensor of rows, got {type(rows).__name__}."
            )
        start, stop, step = rows.indices(len(self))
        if step != 1:
            index = torch.tensor(range(start, stop, step), dtype=torch.int64, device=self.device)
            return self.index_select(0, index)
        offsets = self.offsets[start : max(start, stop) + 1]
        first, last = int(offsets[0]), int(offsets[-1])
        return Ragged(self.values[first:last], offsets - first)

    def __iter__(self) -> Iterator[Tensor]:
        """Give the rows one by one, each [S_i, ...]."""
        return iter(self.values.split(self.lengths.tolist()))

    def map(self, function: Callable[[Tensor], Tensor]) -> Ragged:
        """Return the same rows with `function(values)`, [M, ...], in the place of the values."""
        return Ragged(function(self.values), self.offsets)

    def any(self) -> Tensor:
        """Return whether any value of each row is not 0, bool [N]."""
        entries = (self.values != 0).flatten(1).any(dim=1) if self.values.dim() > 1 else self.values != 0
        counts = torch.zeros(len(self), dtype=torch.int64, device=self.device)
        return counts.index_add_(0, self.row_of_entry, entries.to(torch.int64)) > 0

    def to(self, device: torch.device | str) -> Ragged:
        """Return the same rows on another device."""
        return Ragged(self.values.to(device), self.offsets.to(device))

    def cpu(self) -> Ragged:
        """Return the same rows on the host."""
        return self.to("cpu")

    def padded(self, fill: float = 0, length: int | None = None) -> Tensor:
        """Return the rows as one tensor [N, S, ...], by one gather.

        Args:
            fill: what stands behind the end of a row.
            length: S; longer rows are cut. `None`: that of the longest row.
        """
        if length is None:
            length = int(self.lengths.max()) if len(self) else 0
        return PaddedPlaces(self.offsets[:-1], self.lengths, length).of(self.values, fill)

    def __repr__(self) -> str:
        return f"Ragged({len(self)} rows, values {self.dtype} {list(self.values.shape)})"


@final
class PaddedPlaces:
    """Where the entries of padded rows come from, for several tensors of rows of the same lengths.

    Args:
        starts: number of the first entry of each row, int64 [B].
        lengths: number of entries of each row, int64 [B].
        size: S, the length after padding; longer rows are cut.

    Example:
        >>> places = PaddedPlaces(torch.tensor([1, 0]), torch.tensor([2, 1]), 2)
        >>> places.of(torch.tensor([7, 8, 9])).tolist()
        [[8, 9], [7, 0]]
    """

    __slots__ = ("_outside", "_places")

    def __init__(self, starts: Tensor, lengths: Tensor, size: int) -> None:
        within = torch.arange(size, device=starts.device)
        self._outside = within >= lengths[:, None]
        self._places = starts[:, None] + within

    def of(self, values: Tensor, fill: float = 0) -> Tensor:
        """Return the entries [M, ...] as padded rows [B, S, ...]."""
        shape = (*self._places.shape, *values.shape[1:])
        if not len(values):
            return values.new_full(shape, fill)
        # Behind the end of a row stands another row's entry, and behind the last one nothing.
        places = self._places.clamp(max=len(values) - 1).flatten()
        found = values.index_select(0, places).view(shape)
        return found.masked_fill(self._outside.view(*self._outside.shape, *[1] * (values.dim() - 1)), fill)


def labelled_rows(mask: Leaf) -> Tensor:
    """Return which rows have any label of a task, bool [N].

    Args:
        mask: [N, T, ...] or N ragged rows; True (or a weight > 0) where there is a label.

    Example:
        >>> labelled_rows(torch.tensor([[True, False], [False, False]])).tolist()
        [True, False]
    """
    if isinstance(mask, Ragged):
        return mask.map(lambda values: values > 0).any()
    return (mask > 0).flatten(1).any(dim=1)


def padded(leaf: Leaf) -> Tensor:
    """Return a leaf as one tensor [N, ...], ragged rows padded by 0 to the longest."""
    return leaf.padded() if isinstance(leaf, Ragged) else leaf


def laid_out(rows: list[Tensor]) -> Leaf:
    """Return rows as one tensor where they are of one shape, else one after the other.

    Args:
        rows: N ≥ 1 tensors whose shapes differ in the first axis at most; of several types they are brought
            to one that holds them all.

    Raises:
        InvalidArgumentError: they differ in more.

    Example:
        >>> laid_out([torch.tensor([1]), torch.tensor([2.5])]).tolist()
        [[1.0], [2.5]]
    """
    types = {row.dtype for row in rows}
    if len(types) > 1:
        common = functools.reduce(torch.promote_types, types)
        rows = [row.to(common) for row in rows]
    return torch.stack(rows) if len({row.shape for row in rows}) == 1 else Ragged.from_rows(rows)


def padded_inputs(inputs: Leaves) -> dict[str, Tensor]:
    """Return what a network reads: ragged inputs padded, their lengths beside them.

    Args:
        inputs: name -> tensor [B, ...], B ragged rows, or B rows of files (`Lazy`), which are decoded.

    Returns:
        name -> tensor; a ragged input `x` is [B, S, ...], 0 where a row has ended, S ≥ 1, and "x:lengths" is
        int64 [B].

    Example:
        >>> found = padded_inputs({"words": Ragged(torch.tensor([5, 6, 7]), torch.tensor([0, 1, 3]))})
        >>> found["words"].tolist(), found["words:lengths"].tolist()
        ([[5, 0], [6, 7]], [1, 2])
    """
    found: dict[str, Tensor] = {}
    for name, leaf in inputs.items():
        leaf = leaf if isinstance(leaf, Tensor | Ragged) else leaf.decoded()
        if isinstance(leaf, Ragged):
            longest = int(leaf.lengths.max()) if len(leaf) else 0
            # Convolutions and recurrent layers have nothing to do with rows of no position at all.
            found[name] = leaf.padded(length=max(1, longest))
            found[name + LENGTHS] = leaf.lengths
        else:
            found[name] = leaf
    return found


#: What a table of tensors is made of: rows of one shape, or of different length.
Leaf: TypeAlias = Tensor | Ragged
#: Name -> tensor or ragged rows. Not `Leaf`: a task or an encoder takes one of the two and says so itself.
Leaves: TypeAlias = Mapping[str, Any]
#: Ends the name of the lengths [B] that stand beside a padded input.
LENGTHS = ":lengths"


def _ends(lengths: Tensor) -> Tensor:
    """Return 0 and the running sums, [N + 1]."""
    return torch.cat([lengths.new_zeros(1), lengths.cumsum(0)])
