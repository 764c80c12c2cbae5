"""A method of a comparison while its cells come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import final

import numpy as np

from cotrain.comparison._curves import Curve


@final
@dataclass
class Entry:
    """What is known of a method while its cells come in.

    Args:
        method: its name.
        is_reference: whether it stands beside the others only.
        learning_rates: task (or "" for all together) -> the chosen one at each seed.
        sweeps: the same -> learning rate -> score on the validation rows at each seed that tried it.
        models: number of the seed -> task -> folder of its model.
        scores: number of the seed -> scores on the validation rows.
        unfinished: task -> at each seed, by which share the last quarter of an unfinished training still
            improved it; see `unfinished_tasks`.
        curves: task -> at each seed its learning curve, see `curves_of`; empty where none was kept.
        seconds: of all its fits at the chosen learning rate.
        failed: why it has no figures.
        arrays: file with its scores on the test rows.
        differences: file with the differences to the single-task networks.
        answers: file that says who answers for each task at each seed, of `answer: auto`.
        n_folds: how many folds these are the fits of; lists and numbers of seeds are those of the first fold
            before those of the second.
    """

    method: str
    is_reference: bool
    learning_rates: dict[str, list[float]] = field(default_factory=dict)
    sweeps: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    models: dict[int, dict[str, str]] = field(default_factory=dict)
    scores: dict[int, list[float]] = field(default_factory=dict)
    unfinished: dict[str, list[float]] = field(default_factory=dict)
    curves: dict[str, list[Curve]] = field(default_factory=dict)
    seconds: float = 0.0
    failed: str | None = None
    arrays: Path | None = None
    differences: Path | None = None
    answers: Path | None = None
    n_folds: int = 1

    @property
    def validation(self) -> float:
        """Mean score on the validation rows."""
        return float(np.mean([score for of in self.scores.values() for score in of]))


def winner_of(entries: Sequence[Entry]) -> Entry | None:
    """Return the joint method that is the best on the validation rows; `None` if all have failed.

    Example:
        >>> entries = [Entry(name, False, scores={0: [score]}) for name, score in (("a", 0.1), ("b", 0.3))]
        >>> found = winner_of([*entries, Entry("single_task", True, scores={0: [0.9]})])
        >>> found and found.method
        'b'
    """
    joint = [entry for entry in entries if not entry.is_reference and entry.failed is None]
    return max(joint, key=lambda entry: entry.validation, default=None)
