"""What a fit leaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

from cotrain.training._best_weights import Weights, criterion_of
from cotrain.training._budget import Budget
from cotrain.training._crossed_choice import Choice


@final
@dataclass(frozen=True)
class FitResult:
    """What a fit leaves.

    Args:
        weights: distinct sets of weights; one, unless each task keeps its own best epoch.
        weights_of: task -> index into `weights`.
        best_epoch: criterion ("combined" or a task) -> epoch, counted from 0.
        history: one record per epoch, without times, so that equal fits have equal histories.
        skipped: task -> steps in which its loss or gradient was not finite and was left out.
        budget: how long the fit could take; `None`: it is not known.
        threads: that the steps were worth; `None`: it is not known.
        crossed: what either half of the validation labels would have chosen, as pairs of `weights` and
            `weights_of`; empty where nobody asked for it. What the first half chose is judged by the second.
        seconds: that the fit took, before an interruption only where time is limited; `None`: not known.

    Example:
        >>> FitResult([{}], {"sold": 0}, {"combined": 3}, [], {}).best_epoch["combined"]
        3
    """

    weights: list[Weights]
    weights_of: dict[str, int]
    best_epoch: dict[str, int]
    history: list[dict[str, Any]]
    skipped: dict[str, int]
    budget: Budget | None = None
    threads: int | None = None
    crossed: Sequence[Choice] = ()
    seconds: float | None = None

    @property
    def kept_epoch(self) -> dict[str, int]:
        """Task -> the epoch, counted from 0, whose weights are kept for it; empty where it is not known."""
        if self.budget is None:
            return {}
        select, last = self.budget.select, len(self.history) - 1
        best = {} if select == "last" else self.best_epoch
        return {task: best.get(criterion_of(task, best, select), last) for task in self.weights_of}

    @property
    def health(self) -> str:
        """What the last epoch says of gates and experts, in a sentence; empty if there are none."""
        return self.history[-1].get("health", {}).get("sentence", "") if self.history else ""
