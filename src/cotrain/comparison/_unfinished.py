"""Whether a fit stopped because its epochs were used up while it still got better."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from cotrain.tasks import Task
from cotrain.training import FitResult

#: The part of the epochs, at the end, that is looked at.
LAST = 0.25
#: A relative improvement of the metric in it beyond which the fit was not finished: as much as a difference
#: that counts, so that what is left undone could turn a word around.
STILL_BETTER = 0.01


def unfinished_tasks(
    tasks: Sequence[Task], result: FitResult, n_epochs: int, select: str, *, by: float = STILL_BETTER
) -> dict[str, float]:
    """Return the tasks whose training was not finished, and what its last quarter still brought them.

    A task is unfinished if its best epoch is the last one that there could be, and the best value on the
    validation rows is better by more than `by`, as a share of that value, than the best of the first three
    quarters. Small tables said "helped" at 40 epochs, where learning together was the faster way, and no
    difference at 200.

    Args:
        tasks: fitted tasks.
        result: how the fit went.
        n_epochs: the most that it could take.
        select: whose best epoch is kept, see `Training`.
        by: least share that counts.

    Returns:
        task -> share by which the last quarter was better; empty where the fit was finished, or there are no
        validation rows to see it by.

    Example:
        >>> from cotrain.tasks import Regression
        >>> history = [{"validation": {"price": 8.0 - epoch}} for epoch in range(4)]
        >>> result = FitResult([{}], {"price": 0}, {"price": 3, "combined": 3}, history, {})
        >>> unfinished_tasks([Regression("price")], result, 4, "combined")
        {'price': 0.166667}
    """
    if len(result.history) < n_epochs:
        return {}
    found = {}
    for task in tasks:
        best = result.best_epoch.get(task.name if select == "per_task" else "combined")
        if select != "last" and best != n_epochs - 1:
            continue
        gain = _gain_at_the_end(task, result.history)
        if gain > by:
            found[task.name] = round(gain, 6)
    return found


def _gain_at_the_end(task: Task, history: Sequence[Mapping[str, Mapping[str, float]]]) -> float:
    """Return by which share the best value is better than the best before the last quarter; NaN if
    unknown, and 1 if there was nothing before, as where tags are first found.
    """
    sign = 1.0 if task.chosen_metrics()[0].direction == "max" else -1.0
    values = [sign * record.get("validation", {}).get(task.name, math.nan) for record in history]
    n_before = max(1, math.floor((1 - LAST) * len(values)))
    before = [value for value in values[:n_before] if not math.isnan(value)]
    known = [value for value in values if not math.isnan(value)]
    if not before:
        return math.nan
    if max(before) == 0:
        return float(max(known) > 0)
    return (max(known) - max(before)) / abs(max(before))
