"""Linear models of terms as plain arrays, one for each fold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, final

import numpy as np


@final
@dataclass(frozen=True, eq=False)
class FoldModel:
    """What was fitted to all folds but one: logistic regression, ridge regression, or a constant.

    Args:
        weights: float32 [R, V], kept as narrow as they are written to a file; R = 0: a constant.
        intercepts: float64 [R], or the constant [1] of numbers.
        known: the classes [C'] that these rows had; empty for numbers.

    Example:
        >>> from scipy.sparse import csr_matrix
        >>> model = FoldModel(np.ones((1, 2), np.float32), np.array([0.5]), np.zeros(0))
        >>> model.scores(csr_matrix(np.eye(2)), np.zeros(0)).tolist()
        [[1.5], [1.5]]
    """

    weights: np.ndarray
    intercepts: np.ndarray
    known: np.ndarray

    def scores(self, terms: Any, classes: np.ndarray) -> np.ndarray:
        """Return probabilities [M, C] of all classes, or values [M, 1] where there are none."""
        n_rows = terms.shape[0]
        if not len(self.weights) and not len(classes):
            return np.full((n_rows, 1), self.intercepts[0])
        scores = np.zeros((n_rows, max(1, len(classes))))
        places = np.searchsorted(classes, self.known)
        if not len(self.weights):
            scores[:, places if len(places) else slice(None)] = 1.0 / max(1, len(places) or len(classes))
            return scores
        raw = terms @ self.weights.T.astype(np.float64) + self.intercepts
        if not len(classes):
            return raw
        scores[:, places] = probabilities_of(raw)
        return scores


def probabilities_of(raw: np.ndarray) -> np.ndarray:
    """Return the probabilities [N, C] of sums [N, C], or of no and yes, [N, 2], of sums [N, 1].

    Example:
        >>> probabilities_of(np.array([[0.0]])).tolist()
        [[0.5, 0.5]]
    """
    from scipy.special import expit

    if raw.shape[1] == 1:
        yes = expit(raw)
        return np.concatenate([1 - yes, yes], axis=1)
    sizes = np.exp(raw - raw.max(axis=1, keepdims=True))
    return sizes / sizes.sum(axis=1, keepdims=True)


@final
@dataclass(frozen=True, eq=False)
class TermModel:
    """The models of all folds, whose mean speaks for rows that none of them has learned from.

    Args:
        classes: float64 [C], of all rows together; empty for numbers.
        folds: the models.

    Example:
        >>> from scipy.sparse import csr_matrix
        >>> folds = [FoldModel(np.zeros((0, 2), np.float32), np.array([c]), np.zeros(0)) for c in (1.0, 3.0)]
        >>> TermModel(np.zeros(0), folds).scores(csr_matrix(np.eye(2))).tolist()
        [[2.0], [2.0]]
    """

    classes: np.ndarray
    folds: Sequence[FoldModel]

    def scores(self, terms: Any) -> np.ndarray:
        """Return what the models say of rows, [M, S]; of two classes the second one's probability alone."""
        total = np.zeros((terms.shape[0], max(1, len(self.classes))))
        for fold in self.folds:
            total += fold.scores(terms, self.classes) / len(self.folds)
        return self.shown(total)

    def shown(self, scores: np.ndarray) -> np.ndarray:
        """Return the columns of [M, C] that say something: of two classes one."""
        return scores[:, 1:] if len(self.classes) == 2 else scores

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays by name."""
        found = {"classes": self.classes, "n_folds": np.array([len(self.folds)], np.int32)}
        for number, fold in enumerate(self.folds):
            for name in ("weights", "intercepts", "known"):
                found[f"{number}.{name}"] = getattr(fold, name)
        return found

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Make what `arrays` was made from.

        Raises:
            ValueError: the arrays do not go together.
        """
        folds = [
            FoldModel(*(arrays[f"{number}.{name}"] for name in ("weights", "intercepts", "known")))
            for number in range(int(arrays["n_folds"][0]))
        ]
        classes = arrays["classes"]
        for fold in folds:
            n_rows = len(fold.intercepts) if len(fold.weights) else 0
            n_known = len(fold.known)
            fitting = 0 if not len(fold.weights) else 1 if n_known in (0, 2) else n_known
            if len(fold.weights) != fitting or n_rows != fitting or not np.isin(fold.known, classes).all():
                raise ValueError("the arrays are not those of linear models")
        return cls(classes, folds)
