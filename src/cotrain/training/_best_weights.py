"""Which epoch's weights are kept."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, final

from torch import Tensor, nn

from cotrain.training._budget import Select

Weights = dict[str, Tensor]

#: The criterion that stands for all tasks together.
COMBINED = "combined"


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

    def update(
        self,
        epoch: int,
        values: Mapping[str, float],
        weights: Callable[[], Weights],
        *,
        select: Select = "per_task",
    ) -> bool:
        """Take the values of an epoch and say whether any criterion that is kept got better.

        Args:
            epoch: number of the epoch.
            values: criterion -> value, larger = better; NaN (nothing to validate on) never is better.
            weights: makes a copy of the weights; called at most once.
            select: whose weights will be kept, see `Training`.
        """
        better = [
            name
            for name, value in values.items()
            if not math.isnan(value) and value > self.values.get(name, -math.inf)
        ]
        for name in better:
            self.values[name] = values[name]
            self.epochs[name] = epoch
        kept = _kept(values, select)
        if not kept & set(better):
            return False
        self.copies[epoch] = weights()
        used = {number for name, number in self.epochs.items() if name in kept}
        self.copies = {number: copy for number, copy in self.copies.items() if number in used}
        return True

    def weights(self, criterion: str) -> Weights | None:
        """Return the best weights under `criterion`, or `None` if it never had a value."""
        epoch = self.epochs.get(criterion)
        return None if epoch is None else self.copies.get(epoch)

    def choose(
        self, tasks: Sequence[str], last: Weights, select: Select
    ) -> tuple[list[Weights], dict[str, int]]:
        """Return the distinct sets of weights that are kept, and task -> which of them.

        Args:
            tasks: names.
            last: weights at the end, for whatever has no best epoch.
            select: see `Training`.
        """
        kept: dict[int, int] = {}
        weights: list[Weights] = []
        weights_of: dict[str, int] = {}
        for name in tasks:
            criterion = criterion_of(name, self.epochs, select)
            best = None if select == "last" else self.weights(criterion)
            epoch = -1 if best is None else self.epochs[criterion]
            if epoch not in kept:
                kept[epoch] = len(weights)
                weights.append(last if best is None else best)
            weights_of[name] = kept[epoch]
        return weights, weights_of

    def state_dict(self) -> dict[str, Any]:
        """Return everything as plain values and tensors."""
        return {"values": self.values, "epochs": self.epochs, "copies": self.copies}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over what `state_dict` gave."""
        self.values = dict(state["values"])
        self.epochs = dict(state["epochs"])
        self.copies = dict(state["copies"])


def criterion_of(task: str, epochs: Mapping[str, int], select: Select) -> str:
    """Return by which criterion a task's weights are chosen: its own, or that of all tasks together.

    Args:
        task: its name.
        epochs: criterion -> its best epoch.
        select: see `Training`.
    """
    return task if select == "per_task" and task in epochs else COMBINED


def _kept(values: Mapping[str, float], select: Select) -> set[str]:
    """Return the criteria whose weights `choose` may ask for."""
    if select == "last":
        return set()
    own = {name for name, value in values.items() if not math.isnan(value)} - {COMBINED}
    everyone_has_one = len(own) == len(set(values) - {COMBINED})
    return own | (set() if everyone_has_one else {COMBINED}) if select == "per_task" else {COMBINED}


def copy_weights(model: nn.Module, frozen: Weights | None = None) -> Weights:
    """Return a copy of a model's parameters and buffers on the host.

    A parameter that does not learn is not copied but taken as it is, for nobody writes to it.

    Args:
        model: the network.
        frozen: what `frozen_weights` has given of it; `None`: it is asked.
    """
    kept = frozen_weights(model) if frozen is None else frozen
    return {
        name: kept[name] if name in kept else tensor.detach().to("cpu", copy=True)
        for name, tensor in model.state_dict().items()
    }


def frozen_weights(model: nn.Module) -> Weights:
    """Return the parameters that do not learn, on the host: the model's own tensors where it is there.

    Of a large network that was trained before, most do not; every copy of it would cost as much as the whole.
    """
    return {
        name: tensor.detach().to("cpu")
        for name, tensor in model.state_dict(keep_vars=True).items()
        if isinstance(tensor, nn.Parameter) and not tensor.requires_grad
    }
