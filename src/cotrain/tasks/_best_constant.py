"""A task whose loss teaches nothing but what its figures look at."""

from __future__ import annotations

import copy
from typing import Any, Protocol, TypeVar

from cotrain.tasks._metric import Metric

#: Options by which a loss makes something of classes count for more or less than it is: no figure heeds them.
EMPHASIS: dict[str, Any] = {"class_weight": None, "label_smoothing": 0.0, "focal_gamma": 0.0}
#: Figure of numbers -> the criterion of which a constant is best by it, where it is not "mse".
CRITERIA = {"mae": "mae"}


class _Judged(Protocol):
    def chosen_metrics(self) -> list[Metric]: ...


_T = TypeVar("_T", bound=_Judged)


def without_emphasis(task: _T) -> _T:
    """Return a task whose loss has the constant for its best that figures have.

    Classes count as often as they are there, labels are what they are, and numbers are judged as the first
    figure does. Beside `class_weight="balanced"` the constant of least loss says all classes alike, so that
    of 95 % of one class it was right in 5 % or in 95 %, by which class comes first.

    Example:
        >>> from cotrain.tasks import Binary
        >>> without_emphasis(Binary("y", class_weight="balanced")).class_weight is None
        True
    """
    found = copy.copy(task)
    criterion = CRITERIA.get(task.chosen_metrics()[0].name, "mse")
    for option, value in {**EMPHASIS, "criterion": criterion}.items():
        if hasattr(found, option):
            setattr(found, option, value)
    return found
