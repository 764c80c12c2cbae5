"""What one task's output says of another's must agree with what that one says itself."""

from __future__ import annotations

from typing import final

from cotrain._base import InvalidArgumentError
from cotrain.cotraining.peers import CrossTaskPeer, Peer
from cotrain.cotraining.selection import Agreement, Selector, Threshold
from cotrain.cotraining.strategies._base import PeerFactory, Strategy


@final
class CrossTask(Strategy):
    """Label where a task's own prediction and the one made from the other tasks' predictions agree.

    A joint network predicts every task from the inputs; beside it, a mapping per task predicts that task from
    another joint network's outputs for the *other* tasks. A cell is labelled with the mean of both, where
    both name the same class with enough confidence, or, for numbers, where they lie closest together. This
    asks more than self-training does as far as the tasks say something of one another; where they do not,
    the mapping is seen to know nothing on held-out labels and does not teach, and self-training is left.

    Args:
        selector: what is kept; default `Agreement(Threshold(0.8))`.
        align: see `Strategy`.

    Raises:
        InvalidArgumentError: when the peers are made, if there is one task only.

    Source: Zamir et al., "Robust Learning Through Cross-Task Consistency", 2020,
    https://arxiv.org/abs/2006.04096, and Li, Liu & Bilen, "Learning Multiple Dense Prediction Tasks from
    Partially Annotated Data", 2022, https://arxiv.org/abs/2111.14893. There the disagreement is a loss on
    every pixel, and the mappings are networks trained along; here, for the outputs of table tasks, linear
    mappings are fitted each round and their agreement decides what becomes a label.

    Example:
        >>> CrossTask().teachers(0, 2)
        [0, 1]
    """

    def __init__(self, selector: Selector | None = None, *, align: bool = False) -> None:
        self.selector = selector or Agreement(Threshold(0.8))
        self.align = align

    def peers(self, factory: PeerFactory) -> list[Peer]:
        """Make the network, and the mappings with the network that they start from."""
        if len(factory.tasks) < 2:
            raise InvalidArgumentError(
                f"CrossTask maps tasks to one another, and there is only {factory.tasks[0].name!r}: choose "
                "another strategy, such as Committee."
            )
        return [
            factory.network("network"),
            CrossTaskPeer("mappings", factory.network("network behind the mappings")),
        ]

    def teachers(self, learner: int, n_peers: int) -> list[int]:
        """Return both, for both."""
        return list(range(n_peers))

    def answering(self, n_peers: int) -> list[int]:
        """Return the network."""
        return [0]
