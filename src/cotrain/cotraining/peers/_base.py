"""What teaches and learns."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from torch import Tensor

from cotrain.cotraining._beliefs import Belief
from cotrain.cotraining._store import Store
from cotrain.tasks import Task
from cotrain.training import Examples


class Fitted(ABC):
    """A peer after a fit."""

    #: Optimiser steps that the fit took; 0 for estimators, which have none.
    updates: int

    @abstractmethod
    def beliefs(self, inputs: Mapping[str, Tensor]) -> dict[str, Belief]:
        """Return for each of the peer's tasks what it believes of every row."""


class Peer(ABC):
    """A model that is fitted anew in every round, to true labels and pseudo-labels with weights.

    Args:
        name: what it is called in records; it also names its random streams.
        tasks: the fitted tasks that it learns.
    """

    def __init__(self, name: str, tasks: Sequence[Task]) -> None:
        self.name = name
        self.tasks = list(tasks)

    @abstractmethod
    def fit(
        self,
        examples: Examples,
        validation: Examples | None,
        key: str,
        store: Store,
        true: Tensor | None = None,
    ) -> Fitted:
        """Fit a fresh model.

        Args:
            examples: N rows; a mask holds the weights of the labels, 0 where there is none.
            validation: rows to choose the epoch on; `None`: the last is kept.
            key: names this fit among all of a run; equal keys see equal examples.
            store: remembers finished fits.
            true: [N] bool: which rows have a true label; default all that have a label.
        """
