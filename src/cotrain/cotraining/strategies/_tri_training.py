"""Three networks, of which two that agree label for the third."""

from __future__ import annotations

from typing import final

from cotrain.cotraining.peers import Peer
from cotrain.cotraining.selection import Agreement, Selector, Threshold
from cotrain.cotraining.strategies._base import PeerFactory, Strategy


@final
class TriTraining(Strategy):
    """Three networks on bootstrap samples; what two of them say alike is a label for the third.

    Args:
        selector: what is kept; default `Agreement(Threshold(0.5))`.
        align: see `Strategy`.

    A round's labels are used if they are more than the last round's and yet fewer of them are wrong, as far
    as the two teachers' error on the true labels tells: e_t l_t < e_{t-1} l_{t-1}. Otherwise some are left
    out, or all, and the third network stays as it is. Without an error on the true labels a pair of teachers
    labels once.

    Source: Zhou & Li, "Tri-Training: Exploiting Unlabeled Data Using Three Classifiers", 2005,
    https://doi.org/10.1109/TKDE.2005.186. As there, the error is that on the training labels, of which each
    network has seen a bootstrap sample; two networks that are wrong in different ways do not count as wrong
    together, which makes no difference with two classes. Here the labels are decided anew each round, and
    beyond the paper they are guarded by validation and class shares like those of every strategy.

    Example:
        >>> TriTraining().teachers(0, 3)
        [1, 2]
    """

    bounded = True

    def __init__(self, selector: Selector | None = None, *, align: bool = False) -> None:
        self.selector = selector or Agreement(Threshold(0.5))
        self.align = align

    def peers(self, factory: PeerFactory) -> list[Peer]:
        """Make three networks, each with a bootstrap sample."""
        return [factory.network(f"network {i + 1}", bootstrap=True) for i in range(3)]

    def teachers(self, learner: int, n_peers: int) -> list[int]:
        """Return the other two."""
        return [number for number in range(n_peers) if number != learner]

    def answering(self, n_peers: int) -> list[int]:
        """Return all three."""
        return list(range(n_peers))
