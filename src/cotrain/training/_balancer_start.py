"""What a balancer is told before the first step."""

from __future__ import annotations

from collections.abc import Sequence

from cotrain.balancing import Balancer
from cotrain.balancing._loss_scale import heeds_scale
from cotrain.tasks import Task
from cotrain.training._examples import Examples


def start_balancer(balancer: Balancer, tasks: Sequence[Task], train: Examples) -> str:
    """Tell a balancer of the tasks, and what the best constants cost on the training rows.

    Args:
        balancer: not yet started.
        tasks: fitted tasks.
        train: training rows.

    Returns:
        A sentence on weights of tasks that the balancer undoes; empty where they count.
    """
    balancer.start(
        len(tasks),
        reference_losses=[
            # Of the loss without its weight, or a method that divides by it would undo the weight.
            task.reference_loss(train.targets[task.name], train.masks[task.name])
            for task in tasks
        ],
        preference=[task.preference for task in tasks],
    )
    return _remark_on_weights(tasks, balancer)


def _remark_on_weights(tasks: Sequence[Task], balancer: Balancer) -> str:
    """Return a sentence on weights that the balancer undoes; empty where they count."""
    weighted = [task for task in tasks if task.weight != 1]
    if not weighted or len(tasks) == 1 or heeds_scale(balancer, len(tasks)):
        return ""
    names = ", ".join(f"{task.name} ({task.weight:g})" for task in weighted)
    return (
        f"The weight of {names} does nothing to what the tasks share: {type(balancer).__name__} undoes any "
        "factor on a loss; give a preference instead, which it heeds."
    )
