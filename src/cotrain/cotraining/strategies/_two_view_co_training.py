"""Two views label for each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from cotrain._base import InvalidArgumentError, check_number
from cotrain.cotraining.peers import Peer
from cotrain.cotraining.selection import KBest, Selector
from cotrain.cotraining.strategies._base import PeerFactory, Strategy


@final
class TwoViewCoTraining(Strategy):
    """A network per view of the inputs; each learns from what the others are surest of.

    This is the co-training of Blum and Mitchell: two views that are each enough for the task and whose errors
    have little to do with each other give labels that are news to the other side. Where there is no such
    division, the columns of numbers are divided at random, and `Committee` is usually the better choice.

    Args:
        views: names of two or more views; `None`: `n_random` random ones.
        n_random: number of random views where none is named, ≥ 2.
        selector: what is kept; default `KBest(0.8)`, whose class quotas keep a rare class alive.
        align: see `Strategy`.

    Raises:
        InvalidArgumentError: fewer than two views.

    Source: Blum & Mitchell, "Combining Labeled and Unlabeled Data with Co-Training", 1998,
    https://doi.org/10.1145/279943.279962. There the pool is drawn anew and labels stay; here all rows are
    looked at and labels are decided anew each round.

    Example:
        >>> TwoViewCoTraining(["page", "links"]).teachers(0, 2)
        [1]
    """

    def __init__(
        self,
        views: Sequence[str] | None = None,
        *,
        n_random: int = 2,
        selector: Selector | None = None,
        align: bool = False,
    ) -> None:
        check_number(self, 1, n_random=n_random)
        if (n_random if views is None else len(views)) < 2:
            raise InvalidArgumentError(
                f"TwoViewCoTraining(views={views!r}, n_random={n_random!r}): expected at least two views."
            )
        self.views = None if views is None else list(views)
        self.n_random = n_random
        self.selector = selector or KBest(0.8)
        self.align = align

    def peers(self, factory: PeerFactory) -> list[Peer]:
        """Make a network per view."""
        names = self.views or [f"random view {i + 1}" for i in range(self.n_random)]
        views = factory.views(self.views or [], self.n_random)
        return [factory.network(name, view=view) for name, view in zip(names, views, strict=True)]

    def teachers(self, learner: int, n_peers: int) -> list[int]:
        """Return all but the learner."""
        return [number for number in range(n_peers) if number != learner]

    def answering(self, n_peers: int) -> list[int]:
        """Return all: the answer joins the views."""
        return list(range(n_peers))
