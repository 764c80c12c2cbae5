"""How usual a row is among the labelled rows of each class.

Shapes: N rows, T targets of the task, C classes, D numbers of a row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError, at_least
from cotrain._base._ragged import Leaves
from cotrain.cotraining._entries import known_entries, require_one_vector
from cotrain.cotraining._predictions import class_targets, n_classes
from cotrain.tasks import Task
from cotrain.training import Examples

#: What looks at it, and what does without.
WHO, INSTEAD = "Density-aware confidence", "another selector, such as KBest"


def typicality(task: Task, examples: Examples, n_neighbours: int) -> Tensor:
    """Return for every row and class the share of the class's labelled rows that lie in no denser region.

        q_c(x) = (1 + #{i labelled c : r_c(x_i) ≥ r_c(x)}) / (n_c + 1)

    with r_c(x) the distance from x to its k-th nearest labelled row of class c, itself left out, whose
    inverse is an estimate of the density of c. A row that lies as the class's own rows do has a q that is
    evenly spread over (0, 1], a row far from all of them 1 / (n_c + 1). It depends on the order of the
    distances alone: in many dimensions their ratios say nothing. Where a class has fewer than two labelled
    rows it is 1.

    Args:
        task: fitted, of one answer a row; of numbers all labelled rows are one class.
        examples: N rows, of whose inputs the numbers are looked at.
        n_neighbours: k ≥ 1; of a class of fewer rows its n_c - 1.

    Returns:
        [N, T, C] in (0, 1].

    Raises:
        InvalidArgumentError: the task has many answers a row, or the inputs have no numbers.

    Source: the estimate is that of Loftsgaarden & Quesenberry, 1965, https://doi.org/10.1214/aoms/1177700079;
    the share is the p-value of a conformal anomaly detector, Laxhammar & Falkman, 2010,
    https://doi.org/10.1145/1833280.1833281.
    """
    require_one_vector(WHO, [task], instead=INSTEAD)
    rows = _numbers(examples.inputs)
    classes = class_targets(task, examples.targets[task.name])
    known = known_entries(task, examples.masks[task.name])
    found = torch.ones(*classes.shape, n_classes(task))
    for t in range(classes.shape[1]):
        for c in range(found.shape[2]):
            own = (known[:, t] & (classes[:, t] == c)).numpy()
            if own.sum() >= 2:
                found[:, t, c] = torch.from_numpy(_of_class(rows, own, n_neighbours))
    return found


def require_numbers(tasks: Sequence[Task], shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Refuse tasks of many answers a row, and inputs without a number, of which nothing is usual.

    Args:
        tasks: fitted.
        shapes: name of an input tensor -> shape of one row.

    Raises:
        InvalidArgumentError: there are such.
    """
    require_one_vector(WHO, tasks, instead=INSTEAD)
    if not any(len(shape) == 1 and shape[0] for shape in shapes.values()):
        raise InvalidArgumentError(
            f"{WHO} looks at the numbers of a row, and there are none: take {INSTEAD}."
        )


def _of_class(rows: np.ndarray, own: np.ndarray, n_neighbours: int) -> np.ndarray:
    """Return q of all rows [N, D] for the class whose labelled rows `own` says, float32 [N]."""
    from sklearn.neighbors import NearestNeighbors

    n = int(own.sum())
    k = min(n_neighbours, n - 1)
    neighbours = NearestNeighbors(n_neighbors=k).fit(rows[own])
    # Without rows to look for, each of its own is left out of its neighbours.
    inner = neighbours.kneighbors()[0][:, -1]
    distances = neighbours.kneighbors(rows)[0][:, -1]
    distances[own] = inner
    no_denser = n - np.searchsorted(np.sort(inner), distances * at_least(1.0))
    return ((1 + no_denser) / (n + 1)).astype(np.float32)


def _numbers(inputs: Leaves) -> np.ndarray:
    """Return the numbers of the inputs, float64 [N, D]."""
    parts = [
        leaf
        for leaf in inputs.values()
        if isinstance(leaf, Tensor) and leaf.is_floating_point() and leaf.dim() == 2 and leaf.shape[1]
    ]
    if not parts:
        raise InvalidArgumentError(
            f"{WHO} looks at the numbers of a row, and the inputs ({', '.join(sorted(inputs))}) have none: "
            f"take {INSTEAD}."
        )
    return torch.cat(parts, dim=1).double().numpy()
