"""Two networks label for each other while they learn."""

from __future__ import annotations

from typing import final

from cotrain.cotraining.peers import Peer
from cotrain.cotraining.strategies._base import PeerFactory
from cotrain.cotraining.strategies._online_strategy import OnlineStrategy


@final
class CrossPseudoSupervision(OnlineStrategy):
    """Each of two joint networks learns from noisy inputs what the other's average says of clean ones.

    As `MeanTeacher`, but no network is taught its own mistakes: the two begin at different initial weights.
    Both answer together.

    See `MeanTeacher` for the arguments and errors.

    Source: Chen et al., "Semi-Supervised Semantic Segmentation with Cross Pseudo Supervision", 2021,
    https://arxiv.org/abs/2106.01226. There the networks themselves teach, here the averages of their weights,
    and labels follow every pass instead of every step.

    Example:
        >>> CrossPseudoSupervision().teachers(0, 2)
        [1]
    """

    def peers(self, factory: PeerFactory) -> list[Peer]:
        """Make two networks."""
        self.check_text(factory.tasks)
        return [factory.network("network 1"), factory.network("network 2")]

    def teachers(self, learner: int, n_peers: int) -> list[int]:
        """Return the other one."""
        return [1 - learner]

    def answering(self, n_peers: int) -> list[int]:
        """Return both."""
        return [0, 1]
