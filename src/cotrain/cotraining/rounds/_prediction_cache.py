"""What the peers of a round believe of the training rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

from torch import Tensor

from cotrain.cotraining._predictions import Prediction
from cotrain.cotraining.peers import FittedPeer


@final
class PredictionCache:
    """Each peer's predictions, asked for when somebody wants them, and once.

    Args:
        fitted: the peers of a round, or peers under way as they are now.
        inputs: of the N rows.
    """

    def __init__(self, fitted: Sequence[FittedPeer], inputs: Mapping[str, Tensor]) -> None:
        self.fitted = fitted
        self.inputs = inputs
        self._found: dict[int, Mapping[str, Prediction]] = {}

    def of(self, number: int) -> Mapping[str, Prediction]:
        """Return for each of a peer's tasks what it believes of every row."""
        if number not in self._found:
            self._found[number] = self.fitted[number].predictions(self.inputs)
        return self._found[number]
