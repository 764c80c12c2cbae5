"""Each task's best epoch by one half of its validation labels, so that the other half can judge it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, final

from torch import Tensor

from cotrain._base._ragged import Leaf, Leaves, Ragged, labelled_rows
from cotrain.tasks import Task
from cotrain.tasks._row_weights import times_rows
from cotrain.training._best_weights import BestWeights, Weights
from cotrain.training._budget import Select
from cotrain.training._examples import Examples
from cotrain.training._validation import Validator

#: A choice of weights: the distinct sets, and task -> index into them.
Choice = tuple[list[Weights], dict[str, int]]


@final
class CrossedChoice:
    """Keeps, beside a fit's own choice, the best epochs by either half of the validation labels.

    The best of many epochs by some labels looks better on these very labels than it is, and the more epochs
    there were the more so: a fit of 200 short epochs would seem better than one of ten long ones that is as
    good. On labels that had no say in the choice neither does (Stone, "Cross-Validatory Choice and
    Assessment of Statistical Predictions", 1974, https://doi.org/10.1111/j.2517-6161.1974.tb00994.x). No
    network is run for it: the outputs are those on which the fit's own choice stands.

    Args:
        tasks: fitted tasks.
        train: training rows, see `Validator`.
        validation: validation rows.
    """

    def __init__(self, tasks: Sequence[Task], train: Examples, validation: Examples) -> None:
        halves = {name: half_of_rows(mask) for name, mask in validation.masks.items()}
        self.validators = []
        for half in (0, 1):
            masks = {name: _of_rows(mask, halves[name] == half) for name, mask in validation.masks.items()}
            self.validators.append(Validator(tasks, train, replace(validation, masks=masks)))
        self.best = (BestWeights(), BestWeights())

    def update(
        self,
        epoch: int,
        batches: Sequence[tuple[slice, Leaves]],
        weights: Callable[[], Weights],
        select: Select,
    ) -> None:
        """Take what the network says of the validation rows after an epoch.

        Args:
            epoch: its number.
            batches: see `Validator.validate`.
            weights: gives a copy of the weights.
            select: see `Training`.
        """
        for validator, best in zip(self.validators, self.best, strict=True):
            best.update(epoch, validator.validate(batches).criteria(), weights, select=select)

    def choose(self, tasks: Sequence[str], last: Weights, select: Select) -> list[Choice]:
        """Return what either half chooses; see `BestWeights.choose`."""
        return [best.choose(tasks, last, select) for best in self.best]

    def state_dict(self) -> list[dict[str, Any]]:
        """Return everything as plain values and tensors."""
        return [best.state_dict() for best in self.best]

    def load_state_dict(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Take over what `state_dict` gave."""
        for best, one in zip(self.best, state, strict=True):
            best.load_state_dict(one)


def half_of_rows(mask: Leaf) -> Tensor:
    """Return 0 and 1 by turns for the rows with a label, int64 [N].

    Example:
        >>> import torch
        >>> half_of_rows(torch.tensor([[True], [False], [True], [True]])).tolist()
        [0, 0, 1, 0]
    """
    return (labelled_rows(mask).long().cumsum(0) - 1).clamp(min=0) % 2


def _of_rows(mask: Leaf, rows: Tensor) -> Leaf:
    """Return a mask of the same type that is 0 outside some rows, bool [N]."""
    kept = times_rows(mask, rows.float())
    if isinstance(kept, Ragged):
        return kept.map(lambda own: own.to(mask.dtype))
    assert isinstance(kept, Tensor)
    return kept.to(mask.dtype)
