"""Give units (rows or groups of rows) to parts so that every property is shared out evenly."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def assign_units(
    units: np.ndarray,
    properties: np.ndarray,
    n_units: int,
    shares: Sequence[float],
    generator: np.random.Generator,
) -> np.ndarray:
    """Return the part of each unit, [n_units].

    Units are taken one by one, the largest first, among equals those with the rarest property first, the
    rest at random; each goes to the part p that maximises Σ_q (share_p · dealt_q − given_pq) over its
    properties q: the part that has fallen behind most in what the unit has.

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
    totals = np.bincount(properties, minlength=n_properties)
    sizes = np.bincount(units[properties == 0], minlength=n_units)
    rarest = np.full(n_units, np.iinfo(np.int64).max)
    np.minimum.at(rarest, units, totals[properties])
    order = np.lexsort((generator.random(n_units), rarest, -sizes))
    by_unit = np.argsort(units, kind="stable")
    ends = np.cumsum(np.bincount(units, minlength=n_units))
    starts = [0, *ends[:-1].tolist()]
    sorted_properties = properties[by_unit]
    # owed[p, q]: what part p should have got of property q so far, less what it got.
    share = np.asarray(shares, dtype=np.float64)
    owed = np.zeros((len(share), n_properties))
    owed[share == 0] = -np.inf
    ends_list = ends.tolist()
    result = np.zeros(n_units, dtype=np.int64)
    for unit in order.tolist():
        mine = sorted_properties[starts[unit] : ends_list[unit]]
        if sizes[unit] > 1:  # a group has some properties several times
            mine, times = np.unique(mine, return_counts=True)
        else:
            times = 1
        owed[:, mine] += share[:, None] * times
        part = int((owed[:, mine] * times).sum(axis=1).argmax())
        owed[part, mine] -= times
        result[unit] = part
    return result
