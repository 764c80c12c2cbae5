"""The average of a network's weights labels for the network."""

from __future__ import annotations

from typing import final

from cotrain.cotraining.peers import Peer
from cotrain.cotraining.strategies._base import PeerFactory
from cotrain.cotraining.strategies._online_strategy import OnlineStrategy


@final
class MeanTeacher(OnlineStrategy):
    """One joint network learns from noisy inputs what the average of its weights says of clean ones.

    Labels are decided anew before every pass over the rows. The network begins at the supervised start and
    goes on through all rounds; a round is a checkpoint of it, from which the guards choose as they do among
    the rounds of other strategies.

        θ̄ ← a θ̄ + (1 - a) θ,   ŷ = select(align(f(x; θ̄))),   loss of f(x + noise; θ) against y and ŷ

    Args:
        selector: what is kept in each pass; default `KBest(1.0, min_confidence=0.8, growing=False)`: what is
            sure, within the quotas of the classes.
        align: see `Strategy`.
        gaussian: noise on the learners' numbers, in standard deviations of the column, ≥ 0.
        swap: share of the learners' inputs that are taken from other rows, in [0, 1).
        average: decay per step of the average of the weights that teaches and answers, in (0, 1).
        true_share: of a batch that has true labels, in (0, ½].
        number_weight: weight of a pseudo-label that is a number, in [0, 1]; default 0: numbers learn from
            their true labels only, because a consistency loss on them was seen to ruin them.
        text: how else the learners' texts are changed, see `TextAugmentation`; `None`: by `swap` alone.

    Raises:
        InvalidArgumentError: a value is out of its range.

    Source: Tarvainen & Valpola, "Mean teachers are better role models", 2017,
    https://arxiv.org/abs/1703.01780, with hard labels above a threshold as in Sohn et al., "FixMatch", 2020,
    https://arxiv.org/abs/2001.07685. There labels follow every step, here every pass, which lets quotas and
    alignment look at all rows: without quotas a rare class dies out when labels are few.

    Example:
        >>> MeanTeacher().teachers(0, 1)
        [0]
    """

    def peers(self, factory: PeerFactory) -> list[Peer]:
        """Make the network."""
        self.check_text(factory.tasks)
        return [factory.network("network")]

    def teachers(self, learner: int, n_peers: int) -> list[int]:
        """Return the network itself, of which the average speaks."""
        return [learner]

    def answering(self, n_peers: int) -> list[int]:
        """Return the network."""
        return [0]
