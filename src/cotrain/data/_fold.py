"""One of several ways to divide the same rows, of which each makes other rows the test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np

from cotrain._base import InvalidArgumentError, numpy_generator
from cotrain.data._stratify import assign_units

#: Unit and property of every occurrence, and the number of units; see `assign_units`.
Units = tuple[np.ndarray, np.ndarray, int]


@final
@dataclass(frozen=True)
class Fold:
    """A fold of cross-validation: over all of them every labelled row is a test row once.

    Args:
        number: of this fold, from 0.
        n_folds: how many there are, ≥ 2.

    Raises:
        InvalidArgumentError: there are fewer than two, or this one is none of them.

    Example:
        >>> Fold(0, 1)
        Traceback (most recent call last):
        cotrain._base._errors.InvalidArgumentError: Fold(0, 1): expected a number below that of the folds, ...
    """

    number: int
    n_folds: int

    def __post_init__(self) -> None:
        if not (self.n_folds >= 2 and 0 <= self.number < self.n_folds):
            raise InvalidArgumentError(
                f"Fold({self.number}, {self.n_folds}): expected a number below that of the folds, of "
                "which there are two or more."
            )

    def parts(self, units: Units, validation: float, seed: int) -> np.ndarray:
        """Return 0, 1 or 2 for each unit: training, validation, test.

        The folds of one seed are disjoint; what is no test row is divided anew in each.

        Args:
            units: rows or groups, with what is to be kept even.
            validation: share of all rows.
            seed: names the random streams.

        Raises:
            InvalidArgumentError: nothing is left to train on.
        """
        share = validation / (1 - 1 / self.n_folds)
        if share >= 1:
            raise InvalidArgumentError(
                f"{self.n_folds} folds and a share of {validation:g} for validation leave nothing to train "
                "on."
            )
        folds = [1 / self.n_folds] * self.n_folds
        of_unit = assign_units(*units, folds, generator=numpy_generator(seed, "folds"))
        part = np.where(of_unit == self.number, 2, 0)
        unit, properties, _ = units
        rest = np.flatnonzero(part == 0)
        if share > 0 and len(rest):
            inside = part[unit] == 0
            dense = np.cumsum(part == 0) - 1
            part[rest] = assign_units(
                dense[unit[inside]],
                properties[inside],
                len(rest),
                [1 - share, share],
                generator=numpy_generator(seed, "folds", str(self.number)),
            )
        return part
