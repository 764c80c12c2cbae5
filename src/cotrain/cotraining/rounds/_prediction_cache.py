"""What the peers of a round believe of the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from torch import Tensor

from cotrain.cotraining._predictions import Belief
from cotrain.cotraining.peers import Fitted


@final
class RoundBeliefs:
    """Each peer's beliefs, asked for when somebody wants them, and once.

    Args:
        fitted: the peers of a round, or peers under way as they are now.
        inputs: of the N rows.
    """

    def __init__(self, fitted: Sequence[Fitted], inputs: Mapping[str, Tensor]) -> None:
        self.fitted = fitted
        self.inputs = inputs
        self._found: dict[int, Mapping[str, Belief]] = {}

    def of(self, number: int) -> Mapping[str, Belief]:
        """Return for each of a peer's tasks what it believes of every row."""
        if number not in self._found:
            self._found[number] = self.fitted[number].beliefs(self.inputs)
        return self._found[number]
