"""What the words of a row say of one target by a linear model, for models that do not read words."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from cotrain._base import numpy_generator
from cotrain.evaluation._term_model import FoldModel, TermModel

#: Most rows that a model of one fold learns from: more of them take minutes, and change little.
MOST_ROWS = 100_000
#: Inverse strengths of the penalty on terms of which each row has length one. sst2 is told best at 10, the
#: film table's targets at 1.
STRENGTHS = (1.0, 5.0)
#: Targets of more classes get one strength only.
MANY_CLASSES = 8
_FLOOR = 1e-6


def term_scores(
    terms: Any,
    truth: np.ndarray,
    *,
    has_classes: bool,
    strengths: Sequence[float] = STRENGTHS,
    n_folds: int = 5,
    weights: np.ndarray | None = None,
    seed: int = 0,
) -> tuple[np.ndarray, TermModel]:
    """Fit a linear model of terms to all folds of the rows but one, and return what each says of that one.

    Logistic regression for classes, ridge regression for numbers, with the strength that is best out of fold.
    A row that a model learned from tells nothing of how good the model is, so that what learns from these
    scores must not see its own (Wolpert, "Stacked Generalization", 1992).

    Args:
        terms: sparse [N, V], such as TF-IDF.
        truth: [N] class numbers or values.
        has_classes: whether the truth is classes.
        strengths: inverse strengths of the penalty to try, at least one.
        n_folds: parts that the rows are divided into, ≥ 2.
        weights: [N] how much each row counts; `None`: all alike.
        seed: of the folds.

    Returns:
        Scores [N, S]: the probability of the larger of two classes or of every class of more, or the value;
        and the models of all folds, for other rows.

    Example:
        >>> from scipy.sparse import csr_matrix
        >>> terms = csr_matrix(np.eye(2).repeat(50, axis=0))
        >>> scores, model = term_scores(terms, np.repeat([3.0, 7.0], 50), has_classes=False)
        >>> scores[[0, 99], 0].round(), model.scores(terms[[0, 99]])[:, 0].round()
        (array([3., 7.]), array([3., 7.]))
    """
    classes = np.unique(truth).astype(np.float64) if has_classes else np.zeros(0)
    if has_classes and len(classes) > MANY_CLASSES:
        strengths = (1.0,)
    folds = _folds(truth if has_classes else None, len(truth), n_folds, seed)
    best: tuple[float, np.ndarray, TermModel] | None = None
    for strength in strengths:
        own, model = _fitted(terms, truth, classes, folds, weights=weights, strength=strength)
        loss = _loss(own, truth, classes, weights)
        if best is None or loss < best[0]:
            best = (loss, own, model)
    assert best is not None
    return best[2].shown(best[1]), best[2]


def _folds(classes: np.ndarray | None, n_rows: int, n_folds: int, seed: int) -> np.ndarray:
    """Return the fold of every row, of each class as many in each fold as can be."""
    order = numpy_generator(seed, "term scores", "folds").permutation(n_rows)
    if classes is not None:
        order = order[np.argsort(classes[order], kind="stable")]
    folds = np.empty(n_rows, dtype=int)
    folds[order] = np.arange(n_rows) % n_folds
    return folds


def _fitted(
    terms: Any,
    truth: np.ndarray,
    classes: np.ndarray,
    folds: np.ndarray,
    *,
    weights: np.ndarray | None,
    strength: float,
) -> tuple[np.ndarray, TermModel]:
    own = np.zeros((len(truth), max(1, len(classes))))
    models = []
    for fold in range(max(1, len(np.unique(folds)))):
        left, rows = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        rows = rows[:: -(-len(rows) // MOST_ROWS) or 1]
        of_rows = None if weights is None else weights[rows]
        model = _fold_model(terms[rows], truth[rows], classes, of_rows=of_rows, strength=strength)
        own[left] = model.scores(terms[left], classes)
        models.append(model)
    return own, TermModel(classes, models)


def _fold_model(
    terms: Any,
    truth: np.ndarray,
    classes: np.ndarray,
    *,
    of_rows: np.ndarray | None,
    strength: float,
) -> FoldModel:
    """Return a fitted model; of one class alone, or of no row, one without weights."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, Ridge

    none = np.zeros((0, terms.shape[1]), np.float32)
    if not len(classes):
        if not len(truth):
            return FoldModel(none, np.zeros(1), np.zeros(0))
        ridge = Ridge(alpha=1.0 / strength, solver="sparse_cg").fit(terms, truth, sample_weight=of_rows)
        return FoldModel(ridge.coef_[None].astype(np.float32), np.array([ridge.intercept_]), np.zeros(0))
    found = np.unique(truth).astype(np.float64)
    if len(found) < 2:
        return FoldModel(none, np.zeros(0), found)
    # Terms that no row has keep a weight of 0, by the penalty, and LBFGS would work as much for them.
    many = len(found) > 2
    there = np.unique(terms.indices) if many and terms.nnz else np.arange(terms.shape[1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        logistic = LogisticRegression(C=strength, solver="lbfgs" if many else "liblinear", max_iter=100)
        logistic.fit(terms[:, there] if many else terms, truth, sample_weight=of_rows)
    # In rows: sums in another order, or a file of it, would have other last digits.
    weights = np.zeros((len(logistic.coef_), terms.shape[1]), np.float32)
    weights[:, there] = logistic.coef_
    return FoldModel(weights, logistic.intercept_.astype(np.float64), found)


def _loss(scores: np.ndarray, truth: np.ndarray, classes: np.ndarray, weights: np.ndarray | None) -> float:
    """Return the log-loss of probabilities [N, C], or the mean squared error of values."""
    if not len(classes):
        return float(np.average((scores[:, 0] - truth) ** 2, weights=weights))
    of_truth = scores[np.arange(len(truth)), np.searchsorted(classes, truth)]
    return float(-np.average(np.log(np.maximum(of_truth, _FLOOR)), weights=weights))
