"""Every source in proportion to its rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

from cotrain.data.sources._base import Mixing


@final
class ProportionalMixing(Mixing):
    """Every source in proportion to its rows: an epoch shows every row once.

        p_s ∝ n_s

    n_s: training rows of source s; p_s: its share of a batch. A source so small that its share is less than
    a row a batch still gives one row to every batch, and then comes round more often.

    It is the default. When it fails: a small source is learned from as seldom as its rows are few, which is
    what `Temperature` and `Equal` change.

    Example:
        >>> ProportionalMixing().shares({"tags": 300, "reviews": 100})
        {'tags': 300.0, 'reviews': 100.0}
    """

    #: One source is as it comes, which is not the default of tasks on maps.
    of_one_source = True

    def shares(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """Return the rows of each source."""
        return {source: float(size) for source, size in sizes.items()}
