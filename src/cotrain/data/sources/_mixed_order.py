"""Which rows the steps of an epoch take where these come from several sources."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import cached_property
from typing import final

import numpy as np
import torch
from torch import Tensor

from cotrain._base import mix_seed
from cotrain.data.sources._base import Mixing
from cotrain.data.sources._row_sources import RowSources


@final
class MixedOrder:
    """The rows of every step, so that each one holds rows of every source in its share.

    An epoch has as many rows as all S sources together, N, in M = ⌈N / B⌉ steps whose sizes differ by one row
    at most. Source s gives R_s of them, Σ R_s = N, in proportion to its share, and at least one to each step
    where B ≥ S, else at least one to the epoch. After every step what it has given is R_s · rows so far / N,
    rounded up or down (less than two rows from it where one of each source in every step leaves no room for
    that); with two sources no stretch of steps strays from the share by more than a row. A source goes
    through permutations of its own, one after the other: with R_s below its rows n_s an epoch shows a part of
    them, and the next one goes on where it ended.

    Everything is a function of (seed, epoch, step); there is no state.

    Args:
        sources: of the N rows; those that none of them comes from are left out.
        mixing: their shares.
        batch_size: rows per step at most, B ≥ 1.
        seed: names the streams of permutations.

    Source of the rounding: Steiner and Yeomans, "Level Schedules for Mixed-Model, Just-in-Time Processes",
    1993, https://doi.org/10.1287/mnsc.39.6.728: earliest deadlines first keeps every kind within a unit.

    Example:
        >>> from cotrain.data.sources import Equal, Proportional
        >>> sources = RowSources(("tags", "reviews"), torch.tensor([0] * 9 + [1] * 3))
        >>> order = MixedOrder(sources, Proportional(), batch_size=4)
        >>> order.counts.tolist()
        [[3, 1], [3, 1], [3, 1]]
        >>> MixedOrder(sources, Equal(), batch_size=4).counts.tolist()
        [[2, 2], [2, 2], [2, 2]]
        >>> sorted(order.rows(0).tolist()) == list(range(12))
        True
    """

    def __init__(self, sources: RowSources, mixing: Mixing, batch_size: int = 256, seed: int = 0) -> None:
        mixing.require(sources.names)
        self.seed = seed
        self._rows_of = {name: torch.from_numpy(rows) for name, rows in sources.rows().items()}
        sizes = {name: len(rows) for name, rows in self._rows_of.items()}
        self.n_rows = sum(sizes.values())
        n_steps = max(1, -(-self.n_rows // batch_size))
        ends = [self.n_rows * (step + 1) // n_steps for step in range(n_steps)]
        #: First row and end of each step in the order of an epoch.
        self.bounds = list(zip([0, *ends[:-1]], ends, strict=True))
        #: Rows of each source in an epoch, R_s.
        least = len(self.bounds) if self._in_every_step else 1
        self.per_epoch = _whole_shares(mixing.shares(sizes), self.n_rows, least)

    @property
    def _in_every_step(self) -> bool:
        """Whether the smallest step has room for a row of every source."""
        return min(end - first for first, end in self.bounds) >= len(self._rows_of)

    @cached_property
    def counts(self) -> np.ndarray:
        """Rows of each source in each step of an epoch, int64 [M, S]."""
        totals, least = list(self.per_epoch.values()), int(self._in_every_step)
        counts = _levelled(totals, self.bounds, at_least=least)
        if counts is not None:
            return counts
        # A row of every source in each step is in the way of what is due: set those apart, level the rest.
        n_steps, n_sources = len(self.bounds), len(totals)
        bounds = [(at - n_sources * k, end - n_sources * (k + 1)) for k, (at, end) in enumerate(self.bounds)]
        rest = _levelled([total - n_steps for total in totals], bounds, at_least=0)
        assert rest is not None  # without a least number what is due always fits
        return rest + 1

    def rows(self, epoch: int) -> Tensor:
        """Return the row numbers of an epoch, int64 [N], step by step; within a step source by source."""
        streams = [self._stream(name, epoch) for name in self._rows_of]
        # Where the rows of step b and source s lie in the streams laid end to end.
        counts = self.counts
        lengths = counts.sum(axis=0)
        starts = np.cumsum(counts, axis=0) - counts + (np.cumsum(lengths) - lengths)
        flat, begin = counts.ravel(), starts.ravel()
        places = np.repeat(begin - (np.cumsum(flat) - flat), flat) + np.arange(self.n_rows)
        return torch.cat(streams)[torch.from_numpy(places)]

    def _stream(self, source: str, epoch: int) -> Tensor:
        """Return the rows that a source gives to an epoch, in order."""
        n_own, n_given = len(self._rows_of[source]), self.per_epoch[source]
        first = epoch * n_given
        passes = range(first // n_own, -(-(first + n_given) // n_own))
        shuffled = torch.cat([self._shuffled(source, number) for number in passes])
        skipped = first % n_own
        return shuffled[skipped : skipped + n_given]

    def _shuffled(self, source: str, number: int) -> Tensor:
        """Return the rows of a source in the order of its pass of this number."""
        rows = self._rows_of[source]
        generator = torch.Generator().manual_seed(mix_seed(self.seed, "source", source, "pass", number))
        return rows[torch.randperm(len(rows), generator=generator)]


def _whole_shares(shares: Mapping[str, float], n_rows: int, least: int) -> dict[str, int]:
    """Return whole numbers that sum to `n_rows`, in proportion to the shares, none below `least`."""
    share = np.array(list(shares.values()), dtype=np.float64)
    wanted = n_rows * share / share.sum()
    low = np.zeros(len(share), dtype=bool)
    slack = 1e-9 * n_rows  # what rounding may have taken off a whole number
    while (more := ~low & (wanted < least - slack)).any():
        low |= more
        free = n_rows - least * int(low.sum())
        wanted = np.where(low, least, free * share / share[~low].sum())
    whole = np.floor(wanted + slack).astype(np.int64)
    for place in np.argsort(whole - wanted, kind="stable")[: n_rows - int(whole.sum())]:
        whole[place] += 1
    return dict(zip(shares, whole.tolist(), strict=True))


def _levelled(totals: list[int], bounds: list[tuple[int, int]], *, at_least: int) -> np.ndarray | None:
    """Return the rows of each source in each step, int64 [M, S]; `None` where a step has no room for them."""
    given = [0] * len(totals)
    counts = []
    for first, end in bounds:
        step = _rounded(totals, given, first, end, at_least=at_least)
        if sum(step) != end - first:
            return None
        counts.append(step)
        given = [before + count for before, count in zip(given, step, strict=True)]
    return np.array(counts, dtype=np.int64) if given == totals else None


def _rounded(totals: list[int], given: list[int], first: int, end: int, *, at_least: int) -> list[int]:
    """Return the rows of each source in one step, or more if `at_least` asks: earliest deadlines first.

    After the step a source must have given ⌊R_s · end / N⌋ rows, and may have given ⌈R_s · end / N⌉. What is
    due is taken; the places that are left go to the sources whose next row would be due soonest.

    Args:
        totals: rows of each source in the epoch, R_s.
        given: rows before the step.
        first: rows of all sources before the step.
        end: rows of all sources after it.
        at_least: rows of each source in the step.
    """
    n_rows = sum(totals)
    counts = [
        max(total * end // n_rows - before, at_least) for total, before in zip(totals, given, strict=True)
    ]
    for _ in range(end - first - sum(counts)):
        next_row = [before + count for before, count in zip(given, counts, strict=True)]
        allowed = [s for s, total in enumerate(totals) if total * end > n_rows * next_row[s]]
        soonest = min(allowed, key=lambda s: Fraction(next_row[s] + 1, totals[s]))
        counts[soonest] += 1
    return counts
