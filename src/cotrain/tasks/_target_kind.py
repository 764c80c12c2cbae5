"""What one target is, for those who learn and judge it without its task's network: trees, peers, guards."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, final

import array_api_compat


class TargetKind(ABC):
    """Whether a target is one of several classes, and how scores and probabilities of them go together.

    Shapes: N rows, T targets, C classes of one target. Arrays are NumPy's or PyTorch's.

    Example:
        >>> from cotrain.tasks import Binary, Regression
        >>> Binary.target_kind.n_classes(["sold"]), Regression.target_kind.has_classes
        (2, False)
    """

    #: Whether a target is one of several classes; a number otherwise.
    has_classes: ClassVar[bool] = True

    @abstractmethod
    def n_classes(self, parts: Sequence[str]) -> int:
        """Return C; 1 for a number, all values of which are one group."""

    def class_names(self, parts: Sequence[str]) -> list[str]:
        """Return the names of the C classes; none where they are not the task's parts."""
        return []

    @abstractmethod
    def probabilities(self, scores: Any) -> Any:
        """Return the probability of every class, [N, T, C], of scores in the unit of `Task.scores`."""

    @abstractmethod
    def scores(self, probabilities: Any) -> Any:
        """Return what the task's metrics look at, of probabilities [N, T, C]."""


@final
class NumberTargets(TargetKind):
    """Numbers, float: what has no classes has no probabilities.

    Example:
        >>> NumberTargets().has_classes, NumberTargets().n_classes(["price"])
        (False, 1)
    """

    has_classes = False

    def n_classes(self, parts: Sequence[str]) -> int:
        """Return 1."""
        return 1

    def probabilities(self, scores: Any) -> Any:
        """Refuse: a number has no classes."""
        raise TypeError("a number has no probabilities of classes")

    def scores(self, probabilities: Any) -> Any:
        """Refuse: a number has no classes."""
        raise TypeError("a number has no probabilities of classes")


@final
class LabelTargets(TargetKind):
    """Yes or no, float 0 or 1, each with a class "no" and a class "yes".

    Example:
        >>> import numpy as np
        >>> LabelTargets().probabilities(np.array([[0.75]])).tolist()
        [[[0.25, 0.75]]]
    """

    def n_classes(self, parts: Sequence[str]) -> int:
        """Return 2."""
        return 2

    def probabilities(self, scores: Any) -> Any:
        """Return those of no and of yes, [N, T, 2], of those of yes [N, T]."""
        return array_api_compat.array_namespace(scores).stack([1 - scores, scores], axis=-1)

    def scores(self, probabilities: Any) -> Any:
        """Return those of yes, [N, T]."""
        return probabilities[..., 1]


@final
class ClassTargets(TargetKind):
    """One of the task's classes, int64; T is 1.

    Example:
        >>> ClassTargets().class_names(["cat", "dog"]), ClassTargets().n_classes(["cat", "dog"])
        (['cat', 'dog'], 2)
    """

    def n_classes(self, parts: Sequence[str]) -> int:
        """Return the number of parts."""
        return len(parts)

    def class_names(self, parts: Sequence[str]) -> list[str]:
        """Return the parts."""
        return list(parts)

    def probabilities(self, scores: Any) -> Any:
        """Return [N, 1, C] of scores [N, C]."""
        return scores[:, None]

    def scores(self, probabilities: Any) -> Any:
        """Return [N, C] of probabilities [N, 1, C]."""
        return probabilities[:, 0]
