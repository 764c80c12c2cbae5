"""Three networks, of which two that agree label for the third."""

from __future__ import annotations

from typing import final

from cotrain.cotraining.peers import Peer
from cotrain.cotraining.selection import Agreement, Selector, Threshold
from cotrain.cotraining.strategies._base import Kit, Strategy


@final
class TriTraining(Strategy):
    """Three networks on bootstrap samples; what two of them say alike is a label for the third.

    Args:
        selector: what is kept; default `Agreement(Threshold(0.5))`.
        align: see `Strategy`.

    Source: Zhou & Li, "Tri-Training: Exploiting Unlabeled Data Using Three Classifiers", 2005,
    https://doi.org/10.1109/TKDE.2005.186. The paper bounds the noise of a round by the teachers' error on
    the training labels, which is 0 for a network that has learned them; here validation decides whether a
    round is kept.

    Example:
        >>> TriTraining().teachers(0, 3)
        [1, 2]
    """

    def __init__(self, selector: Selector | None = None, *, align: bool = False) -> None:
        self.selector = selector or Agreement(Threshold(0.5))
        self.align = align

    def peers(self, kit: Kit) -> list[Peer]:
        """Make three networks, each with a bootstrap sample."""
        return [kit.network(f"network {i + 1}", bootstrap=True) for i in range(3)]

    def teachers(self, learner: int, n_peers: int) -> list[int]:
        """Return the other two."""
        return [number for number in range(n_peers) if number != learner]

    def answering(self, n_peers: int) -> list[int]:
        """Return all three."""
        return list(range(n_peers))
