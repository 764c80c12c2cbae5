"""Two networks label for each other while they learn."""

from __future__ import annotations

from typing import final

from cotrain.cotraining.peers import Online, Peer
from cotrain.cotraining.selection import KBest, Selector
from cotrain.cotraining.strategies._base import Kit, Strategy
from cotrain.cotraining.strategies._checks import check_online


@final
class CrossPseudo(Strategy):
    """Each of two joint networks learns from noisy inputs what the other's average says of clean ones.

    As `MeanTeacher`, but no network is taught its own mistakes: the two begin at different initial weights.
    Both answer together.

    Args:
        selector: what is kept in each pass; default `KBest(1.0, least=0.8, grow=False)`: what is
            sure, within the quotas of the classes.
        align: see `Strategy`.
        gaussian: noise on the learners' numbers, in standard deviations of the column, ≥ 0.
        swap: share of the learners' inputs that are taken from other rows, in [0, 1).
        average: decay per step of the average of the weights that teaches and answers, in (0, 1).
        true_share: of a batch that has true labels, in (0, ½].
        number_weight: weight of a pseudo-label that is a number, in [0, 1]; default 0: numbers learn from
            their true labels only, because a consistency loss on them was seen to ruin them.

    Raises:
        InvalidArgumentError: a value is out of its range.

    Source: Chen et al., "Semi-Supervised Semantic Segmentation with Cross Pseudo Supervision", 2021,
    https://arxiv.org/abs/2106.01226. There the networks themselves teach, here the averages of their weights,
    and labels follow every pass instead of every step.

    Example:
        >>> CrossPseudo().teachers(0, 2)
        [1]
    """

    def __init__(
        self,
        selector: Selector | None = None,
        *,
        align: bool = True,
        gaussian: float = 0.3,
        swap: float = 0.2,
        average: float = 0.99,
        true_share: float = 0.5,
        number_weight: float = 0.0,
    ) -> None:
        check_online(
            self,
            gaussian=gaussian,
            swap=swap,
            average=average,
            true_share=true_share,
            number_weight=number_weight,
        )
        self.selector = selector or KBest(1.0, least=0.8, grow=False)
        self.align = align
        self.gaussian = gaussian
        self.swap = swap
        self.average = average
        self.true_share = true_share
        self.number_weight = number_weight
        self.online = Online(gaussian, swap, average, true_share)

    def peers(self, kit: Kit) -> list[Peer]:
        """Make two networks."""
        return [kit.network("network 1"), kit.network("network 2")]

    def teachers(self, learner: int, n_peers: int) -> list[int]:
        """Return the other one."""
        return [1 - learner]

    def answering(self, n_peers: int) -> list[int]:
        """Return both."""
        return [0, 1]
