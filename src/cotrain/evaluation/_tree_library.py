"""What grows the boosted trees of one target: a library, the rows it gets, and how it is to grow them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cotrain.evaluation._tree_ensemble import TreeEnsemble

#: Whose trees, in a configuration too.
TreeLibraryName = Literal["scikit-learn", "lightgbm"]


@dataclass(frozen=True, eq=False)
class TargetRows:
    """Features [n, F], truth [n] and weights [n], if any, of the rows that are labelled for one target."""

    features: np.ndarray
    truth: np.ndarray
    weights: np.ndarray | None = None

    def where(self, rows: np.ndarray) -> TargetRows:
        """Return some of the rows."""
        weights = None if self.weights is None else self.weights[rows]
        return TargetRows(self.features[rows], self.truth[rows], weights)


@dataclass(frozen=True, eq=False)
class Boosting:
    """How the trees of one target are grown.

    Args:
        categorical: bool [F], which columns hold categories, as codes from 0 to 254.
        rounds: most boosting rounds, ≥ 1.
        learning_rate: shrinkage of each tree, > 0.
        leaf_rows: fewest rows in a leaf.
        patience: rounds without gain on the rows to stop by after which boosting stops.
        sets_aside: whether a tenth of the training rows is set aside to stop by, where none are given.
        n_classes: number of classes, whose truths are 0, 1, ...; 0: the truths are numbers.
        quantile: level in (0, 1) whose pinball loss is made small; `None`: the squared error.
        seed: of whatever is drawn.
        max_leaves: most leaves of a tree. Small trees that stop late did best over targets with much noise
            and few positives.
        l2: penalty on the values of leaves.
    """

    categorical: np.ndarray
    rounds: int
    learning_rate: float
    leaf_rows: int
    patience: int
    sets_aside: bool = False
    n_classes: int = 0
    quantile: float | None = None
    seed: int = 0
    max_leaves: int = 15
    l2: float = 1.0


class TreeLibrary(ABC):
    """A library that grows boosted trees."""

    #: What a person calls it.
    title: str
    #: Packages beyond those that this library needs anyway, whose versions figures depend on.
    packages: tuple[str, ...] = ()

    @abstractmethod
    def require(self) -> None:
        """See that it is installed.

        Raises:
            MissingExtraError: it is not.
        """

    @abstractmethod
    def grow(self, train: TargetRows, held: TargetRows | None, how: Boosting) -> TreeEnsemble:
        """Return the trees up to the round that was best on the rows to stop by.

        Their sums are numbers, or of classes the logits: [N, 1] of the second of two, [N, C] of more.

        Args:
            train: rows to learn from.
            held: rows to stop by; `None`: there are none.
            how: the rest.
        """
