"""Which epoch's weights are kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, final

from torch import Tensor

Weights = dict[str, Tensor]


@final
class BestWeights:
    """The best value so far of each criterion, and the weights it was reached with.

    Criteria that were best in the same epoch share one copy of the weights, and a copy that no criterion
    needs any more is dropped: K tasks cost K copies only if they peak in K different epochs.
    """

    def __init__(self) -> None:
        self.values: dict[str, float] = {}
        self.epochs: dict[str, int] = {}
        self.copies: dict[int, Weights] = {}

    def update(self, epoch: int, values: Mapping[str, float], weights: Callable[[], Weights]) -> bool:
        """Take the values of an epoch and say whether any criterion got better.

        Args:
            epoch: number of the epoch.
            values: criterion -> value, larger = better; NaN (nothing to validate on) never is better.
            weights: makes a copy of the weights; called at most once.
        """
        better = [
            name
            for name, value in values.items()
            if not math.isnan(value) and value > self.values.get(name, -math.inf)
        ]
        if not better:
            return False
        self.copies[epoch] = weights()
        for name in better:
            self.values[name] = values[name]
            self.epochs[name] = epoch
        used = set(self.epochs.values())
        self.copies = {number: copy for number, copy in self.copies.items() if number in used}
        return True

    def weights(self, criterion: str) -> Weights | None:
        """Return the best weights under `criterion`, or `None` if it never had a value."""
        epoch = self.epochs.get(criterion)
        return None if epoch is None else self.copies[epoch]

    def state_dict(self) -> dict[str, Any]:
        """Return everything as plain values and tensors."""
        return {"values": self.values, "epochs": self.epochs, "copies": self.copies}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.values = dict(state["values"])
        self.epochs = dict(state["epochs"])
        self.copies = dict(state["copies"])
