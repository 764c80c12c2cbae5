"""How many labels of a task a step has together, beside those it has alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from cotrain._base._ragged import Leaves
from cotrain.data.sources import Proportional
from cotrain.learner import Learner

#: Up to which part of the labels alone a task is said to have few of them together.
FEW = 0.5
#: The tasks that are named; the others are counted.
NAMED = 3
#: How many times as many rows a step are proposed at most.
MOST = 8


def note_on_few_labels(
    learner: Learner,
    hurt: Sequence[str],
    labelled: Mapping[str, int],
    n_rows: int,
    *,
    inputs: Leaves | None = None,
) -> list[str]:
    """Return a sentence on tasks that are hurt and have at most half as many labels a step as alone.

    A network alone learns from rows that all have its label. Together a step has as many rows, of which a
    share has it: on rows of its own each of 8 tasks has 4 labels in a step of 32. That is a cost of learning
    together in steps of this size, and not of what the tasks have in common.

    Args:
        learner: of the joint fit.
        hurt: names of the tasks that are worse together.
        labelled: task -> its labelled training rows.
        n_rows: training rows with any label.
        inputs: of some rows, by which "auto" tells sentences and pictures from tables; `None`: of a table.

    Example:
        >>> from cotrain.tasks import Regression
        >>> learner = Learner([Regression("a"), Regression("b")])
        >>> note_on_few_labels(learner, ["a"], {"a": 100, "b": 500}, 500)
        ['A step of 32 rows has 6.4 labels of a, alone 32: that may ... Try training.batch_size=160.']
    """
    if not isinstance(learner.mixing, Proportional | None):
        return []
    size = min(learner.training.budget(n_rows, inputs).batch_size, n_rows)
    together = {task: size * labelled[task] / n_rows for task in hurt}
    alone = {task: min(size, labelled[task]) for task in hurt}
    few = sorted((task for task in hurt if together[task] <= FEW * alone[task]), key=together.__getitem__)
    if not few:
        return []
    said = "; ".join(f"{together[task]:.2g} labels of {task}, alone {alone[task]}" for task in few[:NAMED])
    more = f"; {len(few) - NAMED} other tasks are like that" if len(few) > NAMED else ""
    wanted = math.ceil(max(alone[task] / together[task] for task in few))
    return [
        f"A step of {size} rows has {said}{more}: that may be what hurts. Try "
        f"training.batch_size={size * min(MOST, wanted)}."
    ]
