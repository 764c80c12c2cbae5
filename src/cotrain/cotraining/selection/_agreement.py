"""Only what all teachers say alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import final

from torch import Tensor

from cotrain.cotraining.selection._base import Candidates, Selector
from cotrain.cotraining.selection._threshold import Threshold
from cotrain.tasks import Task


@final
class Agreement(Selector):
    """Accept what another selector accepts among the rows that all teachers predict alike.

    Args:
        selector: chooses among those rows; default `Threshold(0.8)`.

    Example:
        >>> Agreement().selector.threshold
        0.8
    """

    def __init__(self, selector: Selector | None = None) -> None:
        self.selector = selector or Threshold(0.8)

    def check(self, tasks: Sequence[Task], shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Refuse what the inner selector refuses."""
        self.selector.check(tasks, shapes)

    def select(self, candidates: Candidates) -> Tensor:
        """Return the inner selector's choice among the rows of one mind."""
        return self.selector.select(self._of_one_mind(candidates))

    def weights(self, candidates: Candidates) -> Tensor:
        """Return the inner selector's weights."""
        return self.selector.weights(self._of_one_mind(candidates))

    def _of_one_mind(self, candidates: Candidates) -> Candidates:
        return replace(candidates, free=candidates.free & candidates.agree)
