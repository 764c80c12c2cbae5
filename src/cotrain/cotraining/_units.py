"""Entries that get a label together or not at all."""

from __future__ import annotations

from typing import Self, final

import torch
from torch import Tensor

from cotrain.tasks import EntryLabelling


@final
class Units:
    """Which of M entries belong together: the words of a name; else each is a unit of its own.

    Args:
        of_entry: number of the unit of every entry, int64 [M], from 0 and none left out; `None`: its own.

    Example:
        >>> units = Units(torch.tensor([0, 1, 1]))
        >>> units.least(torch.tensor([[0.9], [0.8], [0.6]])).flatten().tolist()
        [0.8999999761581421, 0.6000000238418579]
        >>> units.spread(torch.tensor([[False], [True]])).flatten().tolist()
        [False, True, True]
    """

    def __init__(self, of_entry: Tensor | None = None) -> None:
        self.of_entry = of_entry
        if of_entry is not None:
            self._size = int(of_entry.max()) + 1 if len(of_entry) else 0

    @classmethod
    def of(cls, classes: Tensor, labelling: EntryLabelling | None, offsets: Tensor | None) -> Self:
        """Return the units of entries with these classes.

        Args:
            classes: int64 [M, T].
            labelling: says what belongs together; `None`: nothing does.
            offsets: where the entries of each row begin.
        """
        if labelling is None or offsets is None:
            return cls()
        return cls(labelling.units(classes[:, 0], offsets))

    def first(self, values: Tensor) -> Tensor:
        """Return the value of each unit's first entry, [U, ...], of values [M, ...]."""
        if self.of_entry is None:
            return values
        places = torch.arange(len(self.of_entry))
        starts = torch.full((self._size,), len(places)).scatter_reduce(0, self.of_entry, places, "amin")
        return values[starts]

    def least(self, values: Tensor) -> Tensor:
        """Return the least value of each unit, [U, 1], of values [M, 1]."""
        if self.of_entry is None:
            return values
        found = torch.full((self._size,), torch.inf, dtype=values.dtype)
        return found.scatter_reduce(0, self.of_entry, values[:, 0], "amin")[:, None]

    def all(self, values: Tensor) -> Tensor:
        """Return whether all entries of each unit are true, bool [U, T]."""
        return values if self.of_entry is None else self.least(values.float()) > 0

    def spread(self, values: Tensor) -> Tensor:
        """Return for every entry the value of its unit, [M, ...], of values [U, ...]."""
        return values if self.of_entry is None else values[self.of_entry]

    def same(self, other: Units) -> Tensor:
        """Return for each of these units whether the other division has the very same one, bool [U, 1]."""
        if self.of_entry is None or other.of_entry is None:
            raise TypeError("units of entries are compared with such")
        both = torch.stack([self.of_entry, other.of_entry])
        sizes, others = (torch.bincount(of_entry) for of_entry in both)
        alike = sizes[self.of_entry] == others[other.of_entry]
        begins = self.first(other.of_entry)
        return self.all((alike & (other.of_entry == self.spread(begins)))[:, None])
