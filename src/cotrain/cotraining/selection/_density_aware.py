"""What lies where its class has hardly any labelled row counts as less sure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import final

import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError, check_number
from cotrain.cotraining._typicality import require_numbers
from cotrain.cotraining.selection._base import Candidates, Selector
from cotrain.cotraining.selection._k_best import KBest
from cotrain.tasks import Task


@final
class DensityAware(Selector):
    """Let another selector choose by a confidence that is lower where the predicted class is sparse.

        p'(x) = p(x) · (1 - s · (1 - min(1, q_c(x) / u)))

    with c the predicted class and q_c(x) the share of its labelled rows that lie in no denser region than x,
    by the distance to the k-th nearest labelled row of c. A classifier is as sure far away from all it has
    seen as it is near, and often surer. A row in a region as dense as those of all but the share u of the
    class's labelled rows keeps its confidence; the farther off it is, the less is left, down to nearly 1 - s
    where labels are many. The weight of a label falls alike. Of a class with fewer than 1 / u labelled rows
    nothing can be told to be unusual.

    Only the numbers of a row are looked at, standardised as they are. For tasks of one answer a row.

    Args:
        selector: chooses by the lowered confidence; default `KBest(0.9, min_confidence=0.8,
            class_balance=0.5, growing=False)`, as `Committee` has it.
        strength: s in [0, 1]; 0: the confidence stays as it is.
        usual: u in (0, 1]: the part of the class's labelled rows, those in the least dense regions, whose
            like counts as unusual.
        n_neighbours: k ≥ 1.

    Raises:
        InvalidArgumentError: an argument is out of range; before anything is fitted, the inputs have no
            numbers, or a task has many answers a row.

    Source: Kim et al., "CAST: Cluster-Aware Self-Training for Tabular Data", 2023,
    https://arxiv.org/abs/2310.06380, and "Revisiting Self-Training with Regularized Pseudo-Labeling for
    Tabular Data", 2023, https://arxiv.org/abs/2302.14013. There the factor is a likelihood under the
    density of the class, here the rank of it, which needs no bandwidth and lowers nothing that is usual.

    Example:
        >>> DensityAware(strength=0.5).selector.min_confidence
        0.8
    """

    def __init__(
        self,
        selector: Selector | None = None,
        *,
        strength: float = 1.0,
        usual: float = 0.25,
        n_neighbours: int = 5,
    ) -> None:
        check_number(self, 0, 1, strength=strength)
        check_number(self, 0, 1, open_low=True, usual=usual)
        check_number(self, 1, n_neighbours=n_neighbours)
        self.selector = selector or KBest(0.9, min_confidence=0.8, class_balance=0.5, growing=False)
        self.strength = strength
        self.usual = usual
        self.n_neighbours = n_neighbours

    def check(self, tasks: Sequence[Task], shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Refuse tasks of many answers a row, and inputs without numbers."""
        require_numbers(tasks, shapes)
        self.selector.check(tasks, shapes)

    def select(self, candidates: Candidates) -> Tensor:
        """Return the inner selector's choice by the lowered confidence."""
        return self.selector.select(self._lowered(candidates))

    def weights(self, candidates: Candidates) -> Tensor:
        """Return the inner selector's weights, lowered as the confidence is."""
        return self.selector.weights(self._lowered(candidates)) * self._factor(candidates)

    def _lowered(self, candidates: Candidates) -> Candidates:
        factor = self._factor(candidates)
        probabilities = candidates.probabilities
        if probabilities is not None:
            # What the predicted class loses the others have evenly.
            n = probabilities.shape[-1]
            probabilities = factor[..., None] * probabilities + (1 - factor[..., None]) / n
        return replace(candidates, confidence=candidates.confidence * factor, probabilities=probabilities)

    def _factor(self, candidates: Candidates) -> Tensor:
        """Return what is left of each confidence, [N, T] in [0, 1]."""
        if candidates.typicality is None:
            raise InvalidArgumentError(
                "DensityAware looks at how usual a row is among labelled ones, which these candidates do not "
                "tell: give Candidates(typicality=...)."
            )
        of_class = candidates.typicality(self.n_neighbours)
        usual = torch.gather(of_class, -1, candidates.classes[..., None])[..., 0] / self.usual
        return 1 - self.strength * (1 - usual.clamp(max=1.0))
