"""Give units (rows or groups of rows) to parts so that every property is shared out evenly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def assign_units(
    units: np.ndarray,
    properties: np.ndarray,
    n_units: int,
    shares: Sequence[float],
    *,
    generator: np.random.Generator,
) -> np.ndarray:
    """Return the part of each unit, [n_units].

    Rows with the same properties are dealt out together as far as that gives every part exactly its share:
    ten by ten for shares of 0.7, 0.1 and 0.2. What is left, and groups of rows, are taken one by one, the
    largest first, among equals those with the rarest property first, the rest at random; each goes to the
    part p that maximises Σ_q (share_p · dealt_q − given_pq) over its properties q: the one that has fallen
    behind most in what the unit has.

    dealt_q: how often property q was dealt out so far, this unit included; given_pq: how often part p got it.

    Args:
        units: unit of each occurrence.
        properties: property of each occurrence; 0 is being a row.
        n_units: number of units.
        shares: share of each part, summing to 1.
        generator: breaks ties.

    Source: the greedy idea is that of Sechidis et al., "On the Stratification of Multi-Label Data", 2011,
    https://doi.org/10.1007/978-3-642-23808-6_10. They work off one label after the other; we weigh all
    properties of a unit at once and against what was dealt out so far, so that every property is in
    proportion at any time, and one pass over the units is enough.
    """
    n_properties = int(properties.max()) + 1
    share = np.asarray(shares, dtype=np.float64)
    by_unit = np.argsort(units, kind="stable")
    mine_of = np.split(properties[by_unit], np.cumsum(np.bincount(units, minlength=n_units))[:-1])
    # owed[p, q]: what part p should have got of property q so far, less what it got.
    owed = np.zeros((len(share), n_properties))
    result = np.full(n_units, -1, dtype=np.int64)
    sizes = np.bincount(units[properties == 0], minlength=n_units)
    if sizes.max() == 1:
        _deal_alike(units, properties, share, generator, result=result)
    owed[share == 0] = -np.inf
    rarest = np.full(n_units, np.iinfo(np.int64).max)
    np.minimum.at(rarest, units, np.bincount(properties)[properties])
    order = np.lexsort((generator.random(n_units), rarest, -sizes))
    for unit in order[result[order] < 0].tolist():
        # A group has some properties several times.
        mine, times = np.unique(mine_of[unit], return_counts=True) if sizes[unit] > 1 else (mine_of[unit], 1)
        owed[:, mine] += share[:, None] * times
        part = int((owed[:, mine] * times).sum(axis=1).argmax())
        owed[part, mine] -= times
        result[unit] = part
    return result


def _deal_alike(
    units: np.ndarray,
    properties: np.ndarray,
    share: np.ndarray,
    generator: np.random.Generator,
    *,
    result: np.ndarray,
) -> None:
    """Deal out rows with the same properties in lots that the shares divide into whole numbers."""
    lots = (lot for lot in range(1, 101) if np.allclose(share * lot, np.round(share * lot), atol=1e-9))
    lot = next(lots, None)
    if lot is None:
        return
    per_lot = np.repeat(np.arange(len(share)), np.round(share * lot).astype(np.int64))
    # Sums of random numbers tell sets of properties apart but for a chance of 2^-64 per pair.
    marks = generator.integers(0, 2**64, size=int(properties.max()) + 1, dtype=np.uint64)
    pattern = np.zeros(len(result), dtype=np.uint64)
    np.add.at(pattern, units, marks[properties])
    shuffled = generator.permutation(len(result))
    alike = shuffled[np.argsort(pattern[shuffled], kind="stable")]
    for block in np.split(alike, np.flatnonzero(np.diff(pattern[alike])) + 1):
        n_lots = len(block) // lot
        result[block[: n_lots * lot]] = np.tile(per_lot, n_lots)
