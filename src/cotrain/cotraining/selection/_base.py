"""What is accepted as a label."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from cotrain.tasks import Task


@dataclass(frozen=True)
class Candidates:
    """What the peers would label, and what a selector may go by.

    Args:
        classes: [N, T] int64 predicted classes; 0 for numbers.
        confidence: [N, T] in [0, 1], calibrated.
        free: [N, T] bool: entries that may get a label; those with a true label never do.
        agree: [N, T] bool: whether all teachers predict the same.
        prior: [T, C] shares of the classes among the true labels.
        progress: round / max_rounds, in (0, 1].
        probabilities: [N, T, C] of every class; `None`: only the confidence is known, as of numbers.
        typicality: number of neighbours -> [N, T, C] in (0, 1], the share of the labelled rows of each class
            that lie in no denser region than a row; found when it is asked for. `None`: it cannot be known.

    Example:
        >>> import torch
        >>> one = torch.ones(2, 1, dtype=torch.bool)
        >>> made = Candidates(
        ...     classes=torch.tensor([[0], [1]]), confidence=torch.tensor([[0.9], [0.6]]),
        ...     free=one, agree=one, prior=torch.tensor([[0.5, 0.5]]), progress=1.0,
        ... )
        >>> made.confidence.argmax().item()
        0
    """

    classes: Tensor
    confidence: Tensor
    free: Tensor
    agree: Tensor
    prior: Tensor
    progress: float
    probabilities: Tensor | None = None
    typicality: Callable[[int], Tensor] | None = None

    def class_probabilities(self) -> Tensor:
        """Return [N, T, C]; what the predicted class leaves is shared out among the others if not known."""
        if self.probabilities is not None:
            return self.probabilities
        n_classes = self.prior.shape[1]
        others = ((1 - self.confidence) / max(1, n_classes - 1))[..., None].expand(-1, -1, n_classes)
        return others.scatter(-1, self.classes[..., None], self.confidence[..., None].to(others.dtype))


class Selector(ABC):
    """Chooses which candidates become pseudo-labels. It has no memory: each round decides anew.

    Example:
        A rule of one's own: whatever all teachers agree on.

        >>> import torch
        >>> class Unanimous(Selector):
        ...     def select(self, candidates):
        ...         return candidates.free & candidates.agree
        >>> free = torch.ones(2, 1, dtype=torch.bool)
        >>> agree = torch.tensor([[True], [False]])
        >>> given = Candidates(free.long(), free.float(), free, agree, torch.ones(1, 2) / 2, 1.0)
        >>> Unanimous().select(given).flatten().tolist()
        [True, False]
    """

    @abstractmethod
    def select(self, candidates: Candidates) -> Tensor:
        """Return where a pseudo-label is accepted, bool [N, T], within `candidates.free`."""

    def check(self, tasks: Sequence[Task], shapes: Mapping[str, tuple[int, ...]]) -> None:  # noqa: B027
        """Refuse what this could not choose among, before anything is fitted; default nothing.

        Args:
            tasks: those that are co-trained.
            shapes: name of an input tensor -> shape of one row.

        Raises:
            InvalidArgumentError: a task or the inputs are of no use to it.
        """

    def weights(self, candidates: Candidates) -> Tensor:
        """Return how much each label counts if it is accepted, [N, T] in [0, 1]; default fully."""
        return torch.ones_like(candidates.confidence)
