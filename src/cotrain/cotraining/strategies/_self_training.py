"""The textbook: a model learns from its own surest predictions."""

from __future__ import annotations

from typing import final

from cotrain.cotraining.peers import Peer
from cotrain.cotraining.selection import Selector, Threshold
from cotrain.cotraining.strategies._base import PeerFactory, Strategy


@final
class SelfTraining(Strategy):
    """Train, label what is surest, train again on all of it, until nothing new is sure.

    1. fit the network to the true labels;
    2. predict every unlabelled cell, and keep as labels those with a calibrated confidence ≥ .95;
    3. fit the network anew to true labels and pseudo-labels;
    4. again from 2, all pseudo-labels decided anew, until the rounds are over or nothing is gained.

    One network learns all tasks, so that each task's labels teach the others through what they share; with
    `separate` each task has a network of its own.

    Args:
        selector: what is kept in step 2; default `Threshold(0.95)`.
        align: see `Strategy`.
        separate: one network per task.

    Source: Yarowsky, "Unsupervised Word Sense Disambiguation Rivaling Supervised Methods", 1995,
    https://aclanthology.org/P95-1026.

    Example:
        >>> SelfTraining().selector.threshold
        0.95
    """

    def __init__(
        self, selector: Selector | None = None, *, align: bool = False, separate: bool = False
    ) -> None:
        self.selector = selector or Threshold(0.95)
        self.align = align
        self.separate = separate

    def peers(self, factory: PeerFactory) -> list[Peer]:
        """Make one network, or one per task."""
        if self.separate:
            return [factory.network(f"network of {task.name}", [task]) for task in factory.tasks]
        return [factory.network("network")]

    def teachers(self, learner: int, n_peers: int) -> list[int]:
        """Return the learner itself."""
        return [learner]

    def answering(self, n_peers: int) -> list[int]:
        """Return all: each task has one network that knows it."""
        return list(range(n_peers))
