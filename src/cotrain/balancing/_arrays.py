"""Small array-API helpers: no value is ever looked at, so nothing leaves the device it is on."""

from __future__ import annotations

from typing import Any

import array_api_compat
from array_api_compat import array_namespace

Array = Any  # an array of any array-API namespace

#: Array-API namespaces by type of array; the search takes longer than a loss rule.
_NAMESPACES: dict[type, Any] = {}


def namespace_of(array: Array) -> Any:
    """Return the array-API namespace of an array."""
    xp = _NAMESPACES.get(type(array))
    if xp is None:
        xp = _NAMESPACES[type(array)] = array_namespace(array)
    return xp


def detached(array: Array) -> Array:
    """Cut an array off the graph that computed it, where its framework keeps one."""
    return array.detach() if array_api_compat.is_torch_array(array) else array


#: Types of arrays that are wide enough already; asked once, for the answer takes longer than a loss rule.
_WIDE: set[Any] = set()


def widened(xp: Any, array: Array) -> Array:
    """Bring half precision and integers to float32; wider floats stay as they are."""
    if array.dtype in _WIDE:
        return array
    floating = xp.isdtype(array.dtype, "real floating")
    if floating and xp.finfo(array.dtype).bits >= 32:
        _WIDE.add(array.dtype)
        return array
    return xp.astype(array, xp.float32)


def count(xp: Any, mask_K: Array, dtype: Any) -> Array:
    """Number of true entries, at least 1, as a 0-dimensional array of `dtype`."""
    total = xp.sum(xp.astype(mask_K, dtype))
    return xp.where(total > 0, total, xp.ones_like(total))


def masked_sum(xp: Any, values_K: Array, mask_K: Array) -> Array:
    """Sum of the entries where the mask is true."""
    return xp.sum(xp.where(mask_K, values_K, xp.zeros_like(values_K)))


def masked_mean(xp: Any, values_K: Array, mask_K: Array) -> Array:
    """Mean of the entries where the mask is true (0 if there are none)."""
    return masked_sum(xp, values_K, mask_K) / count(xp, mask_K, values_K.dtype)


def masked_max(xp: Any, values_K: Array, mask_K: Array) -> Array:
    """Largest entry where the mask is true (the smallest of all if there are none)."""
    return xp.max(xp.where(mask_K, values_K, xp.min(values_K)))


def masked_softmax(xp: Any, logits_K: Array, mask_K: Array) -> Array:
    """Softmax over the entries where the mask is true; 0 elsewhere."""
    shifted_K = xp.where(mask_K, logits_K - masked_max(xp, logits_K, mask_K), xp.zeros_like(logits_K))
    raised_K = xp.where(mask_K, xp.exp(shifted_K), xp.zeros_like(logits_K))
    total = xp.sum(raised_K)
    return raised_K / xp.where(total > 0, total, xp.ones_like(total))


def masked_simplex_projection(xp: Any, point_K: Array, mask_K: Array) -> Array:
    """Nearest point of the simplex over the entries where the mask is true; 0 elsewhere.

    Duchi et al., "Efficient projections onto the l1-ball", 2008, https://doi.org/10.1145/1390156.1390191.
    """
    far_below = xp.min(point_K) - 2.0
    masked_K = xp.where(mask_K, point_K, far_below)
    descending_K = xp.sort(masked_K, descending=True)
    excess_K = xp.cumulative_sum(descending_K) - 1.0
    ones_K = xp.ones_like(point_K)
    places_K = xp.cumulative_sum(ones_K)
    kept_K = descending_K * places_K > excess_K
    n_kept = xp.sum(xp.astype(kept_K, point_K.dtype))
    # the kept entries are the first n_kept: their excess is what has to be taken off
    last_excess = xp.sum(xp.where(kept_K, descending_K, xp.zeros_like(ones_K))) - 1.0
    threshold = last_excess / xp.maximum(n_kept, xp.ones_like(n_kept))
    zeros_K = xp.zeros_like(point_K)
    return xp.where(mask_K, xp.maximum(point_K - threshold, zeros_K), zeros_K)
