"""What teaches and learns, and how often it sees rows: no peer learns longer, no true label is drowned."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, final

import torch
from torch import Tensor

from cotrain._base import numpy_generator
from cotrain._base._ragged import Leaf, Ragged
from cotrain.cotraining._entries import like
from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining._predictions import Prediction
from cotrain.cotraining.views._text_augmentation import TextAugmentation
from cotrain.tasks import Task
from cotrain.tasks._row_weights import times_rows
from cotrain.training import Examples, Training


class FittedPeer(ABC):
    """A peer after a fit.

    Example:
        >>> import torch
        >>> class Coin(FittedPeer):
        ...     updates = 0
        ...     def predictions(self, inputs):
        ...         n_rows = len(inputs["numbers"])
        ...         return {"sold": Prediction(torch.full((n_rows, 1, 2), 0.5))}
        >>> Coin().predictions({"numbers": torch.zeros(3, 1)})["sold"].confidence().flatten().tolist()
        [0.5, 0.5, 0.5]
    """

    #: Optimiser steps that the fit took; 0 for estimators, which have none.
    updates: int
    #: Task -> why the fit failed for it, in words. What is believed of such a task is not finite.
    failures: Mapping[str, str] = MappingProxyType({})

    @abstractmethod
    def predictions(self, inputs: Mapping[str, Tensor]) -> dict[str, Prediction]:
        """Return for each of the peer's tasks what it believes of every row."""

    def judged_on(self, validation: Examples) -> dict[str, Prediction]:
        """Return what it believes of validation rows where no row's label had a say in what the peer is.

        Default: what it believes of them; a peer that chose among several states by these very labels says
        of each row what the state would say that the others' labels choose.

        Args:
            validation: the rows that `Peer.fit` was given.
        """
        return self.predictions(validation.inputs)

    def in_double(self) -> None:  # noqa: B027
        """Answer in float64 from now on, to inputs that are; what has one precision only stays as it is."""


class Peer(ABC):
    """A model that is fitted anew in every round, to true labels and pseudo-labels with weights.

    Args:
        name: what it is called in records; it also names its random streams.
        tasks: the fitted tasks whose rows it labels.
        learned: all that it learns: the tasks that it labels, and those that are left as they are; `None`:
            `tasks`.
        kin: equal for peers that differ by chance alone, such as networks that differ in their initial
            weights; what is found out of one by fitting it on parts of the labels holds for all. `None`: it
            has no kin.

    Example:
        >>> from cotrain.tasks import Binary
        >>> class Never(Peer):
        ...     def fit(self, examples, validation, key, cache, *, true=None):
        ...         raise ValueError("it cannot learn")
        >>> Never("a coin", [Binary("sold")]).kin
        'a coin'
    """

    def __init__(
        self,
        name: str,
        tasks: Sequence[Task],
        kin: Hashable = None,
        *,
        learned: Sequence[Task] | None = None,
    ) -> None:
        self.name = name
        self.tasks = list(tasks)
        self.learned = self.tasks if learned is None else list(learned)
        self.kin = name if kin is None else kin

    @abstractmethod
    def fit(
        self,
        examples: Examples,
        validation: Examples | None,
        key: str,
        cache: FitCache,
        *,
        true: Tensor | None = None,
    ) -> FittedPeer:
        """Fit a fresh model.

        Args:
            examples: N rows; a mask holds the weights of the labels, 0 where there is none.
            validation: rows to choose the epoch on; `None`: the last is kept.
            key: names this fit among all of a run; equal keys see equal examples.
            cache: remembers finished fits.
            true: [N] bool: which rows have a true label; default all that have a label.
        """


@final
@dataclass(frozen=True)
class Online:
    """How peers learn while their labels change with them.

    Args:
        gaussian: noise on the learners' numbers, in standard deviations, ≥ 0.
        swap: share of the learners' inputs that come from another row, in [0, 1).
        average: decay per step of the averaged weights that teach and answer, in (0, 1).
        true_share: of a batch that has true labels, in (0, ½].
        text: how the learners' texts are changed; `None`: by `swap` alone.
    """

    gaussian: float
    swap: float
    average: float
    true_share: float
    text: TextAugmentation | None = None


class OnlineModel(FittedPeer):
    """A peer that learns pass by pass; between two passes it says what it believes."""

    #: Passes that it can take.
    n_passes: int
    #: Passes that it has taken.
    passes: int

    @abstractmethod
    def learn(self, examples: Examples) -> None:
        """Take a pass with the targets and masks of these N rows."""

    @abstractmethod
    def snapshot(self) -> dict[str, Any]:
        """Return what it is now as tensors and plain values."""

    @abstractmethod
    def fitted(self, snapshot: Mapping[str, Any]) -> FittedPeer:
        """Return the peer as it was at a snapshot."""

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Return all state as tensors and plain values."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave."""


class OnlinePeer(Peer):
    """A peer that can go on learning while its labels change."""

    @abstractmethod
    def begin(
        self, examples: Examples, start: FittedPeer, online: Online, *, n_rounds: int, true: Tensor
    ) -> OnlineModel:
        """Make a peer that goes on from its supervised start.

        Args:
            examples: N rows with true labels.
            start: what `fit` gave.
            online: noise, average and batches.
            n_rounds: rounds, each of as many steps as a fit has.
            true: [N] bool: which rows have a true label.
        """


def with_updates(settings: Training, n_rows: int, updates: int) -> Training:
    """Return settings whose epochs come nearest to this many optimiser steps, at least one epoch."""
    steps = max(1, math.ceil(n_rows / settings.budget(n_rows).batch_size))
    changed = copy.copy(settings)
    changed.epochs = max(1, round(updates / steps))
    return changed


def repeated_rows(true: Tensor, batch_size: int, at_least: int) -> Tensor:
    """Repeat the rows with true labels so that a batch holds `at_least` of them on average.

    Args:
        true: [N] bool: which rows have a true label.
        batch_size: rows of a batch.
        at_least: rows with a true label per batch, at most half of the batch are asked for.

    Returns:
        numbers of rows, those with a true label first.
    """
    n_true, n_rest = int(true.sum()), int((~true).sum())
    if not n_true or not n_rest:
        return torch.arange(len(true))
    share = min(0.5, at_least / batch_size)
    times = max(1, math.ceil(share / (1 - share) * n_rest / n_true))
    return torch.cat([torch.nonzero(true).flatten().repeat(times), torch.nonzero(~true).flatten()])


def bootstrapped(
    examples: Examples, *names: int | str, numbers: Collection[str] = (), bayesian: bool = False
) -> Examples:
    """Weigh the labels as if as many rows had been drawn with replacement; a class never loses its last.

    Args:
        examples: N rows with label masks.
        names: of the random stream.
        numbers: tasks whose targets are numbers: every value is one of its kind, and none is kept for it.
        bayesian: whether labels that are no numbers get exponential weights, mean and deviation 1 as well, so
            that none is left out (Rubin, "The Bayesian Bootstrap", 1981,
            https://doi.org/10.1214/aos/1176345338). Of numbers samples are better: some lack the outliers.
    """
    generator, n = numpy_generator(*names, "bootstrap"), len(examples)
    times = torch.from_numpy(generator.poisson(1.0, n)).float()
    weights = torch.from_numpy(generator.exponential(1.0, n)).float() if bayesian else times
    masks = {}
    for task, mask in examples.masks.items():
        known, drawn = _columns(mask) > 0, _columns(times_rows(mask, times if task in numbers else weights))
        targets = _columns(examples.targets[task])
        if targets.shape != known.shape:
            # Of lists of things all labels are one group.
            targets = torch.zeros_like(known)
        for t in range(known.shape[1]):
            # Of numbers all labels are one group.
            group = torch.zeros_like(targets[:, t]) if task in numbers else targets[:, t]
            for value in group[known[:, t]].unique():
                places = torch.nonzero(known[:, t] & (group == value)).flatten()
                if len(places) and not (drawn[places, t] > 0).any():
                    drawn[places[0], t] = 1.0
        masks[task] = like(mask, drawn)
    return replace(examples, masks=masks)


def _columns(leaf: Leaf) -> Tensor:
    """Return the targets of rows [N, T], or entries of rows in one column [M, 1]."""
    if isinstance(leaf, Ragged):
        return leaf.values[:, None]
    return leaf if leaf.dim() == 2 else leaf.reshape(-1, 1)
