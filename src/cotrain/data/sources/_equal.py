"""Every source alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from cotrain.data.sources._base import Mixing


@final
class EqualMixing(Mixing):
    """Every source alike, whatever its size: with S sources p_s = 1/S.

    An epoch still has as many rows as all sources together, so a small source comes round several times in it
    and a large one is not shown whole: raise `training.epochs` where that matters.

    Example:
        >>> EqualMixing().shares({"tags": 300, "reviews": 100})
        {'tags': 1.0, 'reviews': 1.0}
    """

    def shares(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """Return 1 for each source."""
        return dict.fromkeys(sizes, 1.0)
