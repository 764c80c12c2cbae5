"""Shares that the user gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from cotrain._base import InvalidArgumentError, did_you_mean
from cotrain.data.sources._base import Mixing


@final
class GivenMixing(Mixing):
    """Shares that the user gives: p_s ∝ w_s.

    Args:
        weights: source -> w_s, a positive finite number in any unit, one for each source.

    Raises:
        InvalidArgumentError: a weight is not positive and finite; or a source has none, or one that there is
            not has one (said when the sources are known).

    Example:
        >>> GivenMixing({"tags": 3, "reviews": 1}).shares({"tags": 10, "reviews": 10})
        {'tags': 3.0, 'reviews': 1.0}
    """

    def __init__(self, weights: Mapping[str, float]) -> None:
        for source, weight in weights.items():
            if not 0 < weight < float("inf"):
                raise InvalidArgumentError(
                    f"Given(weights=...): the weight of source {source!r} is {weight!r}: expected a positive "
                    "finite number."
                )
        if not weights:
            raise InvalidArgumentError("Given(weights={}): give a weight for each source.")
        self.weights = {source: float(weight) for source, weight in weights.items()}

    def shares(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """Return the given weights in the order of the sources."""
        return {source: self.weights[source] for source in sizes}

    def require(self, names: Sequence[str]) -> None:
        """Raise `InvalidArgumentError` unless there is one weight for each source."""
        for source in self.weights:
            if source not in names:
                raise InvalidArgumentError(
                    f"mixing gives a weight to {source!r}, which is no source; {did_you_mean(source, names)}"
                )
        absent = [source for source in names if source not in self.weights]
        if absent:
            raise InvalidArgumentError(
                f"mixing gives no weight to the source {absent[0]!r}: give one for each of {list(names)}."
            )
