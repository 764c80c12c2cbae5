"""Networks of different encoders over the same input."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from cotrain._base import InvalidArgumentError
from cotrain.cotraining.peers import Peer
from cotrain.cotraining.selection import KBest, Selector
from cotrain.cotraining.strategies._base import PeerFactory, Strategy
from cotrain.networks import Encoder


@final
class DifferentEncoders(Strategy):
    """One network per encoder, all on the same inputs; for each one all others label.

    What differs is not what the networks see but what they make of it: a wide flat network and a deep narrow
    one, or one that looks at positions and one that does not, err in different places. It is a way to have
    two views where the input cannot be divided, and otherwise as `Committee`.

    Args:
        encoders: two or more; `None`: the run's own, twice.
        selector: what is kept; default `KBest(0.8)`.
        align: see `Strategy`.

    Raises:
        InvalidArgumentError: fewer than two encoders.

    Source: Goldman & Zhou, "Enhancing Supervised Learning with Unlabeled Data", 2000
    (https://dl.acm.org/doi/10.5555/645529.658273), co-train two kinds of learner on one view.

    Example:
        >>> from cotrain.networks import TableEncoder
        >>> DifferentEncoders([TableEncoder(256, 0), TableEncoder(32, 3)]).teachers(0, 2)
        [1]
    """

    def __init__(
        self,
        encoders: Sequence[Encoder] | None = None,
        *,
        selector: Selector | None = None,
        align: bool = True,
    ) -> None:
        if encoders is not None and len(encoders) < 2:
            raise InvalidArgumentError(
                f"DifferentEncoders got {len(encoders)} encoders: expected at least two."
            )
        self.encoders = None if encoders is None else list(encoders)
        self.selector = selector or KBest(0.8)
        self.align = align

    def peers(self, factory: PeerFactory) -> list[Peer]:
        """Make a network per encoder.

        Raises:
            InvalidArgumentError: equal estimators take the place of networks.
        """
        if self.encoders is None and not factory.differ:
            raise InvalidArgumentError(
                "DifferentEncoders makes networks that differ, and clones of one estimator would be equal: "
                "leave the estimator out, or take Committee."
            )
        return [
            factory.network(f"network {number + 1}", encoder=encoder)
            for number, encoder in enumerate(self.encoders or [None, None])
        ]

    def teachers(self, learner: int, n_peers: int) -> list[int]:
        """Return all but the learner."""
        return [number for number in range(n_peers) if number != learner]

    def answering(self, n_peers: int) -> list[int]:
        """Return all."""
        return list(range(n_peers))
