"""What the words of a row say of one target by a linear model, for models that do not read words."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from cotrain._base import numpy_generator

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
    others: Sequence[Any],
    *,
    has_classes: bool,
    strengths: Sequence[float] = STRENGTHS,
    n_folds: int = 5,
    seed: int = 0,
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Fit a linear model of terms to all folds of the rows but one, and return what each says of that one.

    Logistic regression for classes, ridge regression for numbers, with the strength that is best out of fold.
    A row that a model learned from tells nothing of how good the model is, so that what learns from these
    scores must not see its own (Wolpert, "Stacked Generalization", 1992).

    Args:
        terms: sparse [N, V], such as TF-IDF.
        truth: [N] class numbers or values.
        others: sparse [M, V] of further rows; they get the mean over the folds.
        has_classes: whether the truth is classes.
        strengths: inverse strengths of the penalty to try, at least one.
        n_folds: parts that the rows are divided into, ≥ 2.
        seed: of the folds.

    Returns:
        Scores [N, S], and those of the other rows: the probability of the larger of two classes or of every
        class of more, or the value.

    Example:
        >>> from scipy.sparse import csr_matrix
        >>> terms = csr_matrix(np.eye(2).repeat(50, axis=0))
        >>> scores, _ = term_scores(terms, np.repeat([3.0, 7.0], 50), [], has_classes=False)
        >>> scores[[0, 99], 0].round()
        array([3., 7.])
    """
    classes = np.unique(truth) if has_classes else np.zeros(0)
    if has_classes and len(classes) > MANY_CLASSES:
        strengths = (1.0,)
    folds = _folds(truth if has_classes else None, len(truth), n_folds, seed)
    best: tuple[float, np.ndarray, list[np.ndarray]] | None = None
    for strength in strengths:
        own, further = _fitted(terms, truth, classes, folds, others=others, strength=strength)
        loss = _loss(own, truth, classes)
        if best is None or loss < best[0]:
            best = (loss, own, further)
    assert best is not None
    shown = slice(1, None) if len(classes) == 2 else slice(None)
    return best[1][:, shown], [scores[:, shown] for scores in best[2]]


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
    others: Sequence[Any],
    strength: float,
) -> tuple[np.ndarray, list[np.ndarray]]:
    width = max(1, len(classes))
    own = np.zeros((len(truth), width))
    further = [np.zeros((other.shape[0], width)) for other in others]
    n_folds = max(1, len(np.unique(folds)))
    for fold in range(n_folds):
        left, rows = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        rows = rows[:: -(-len(rows) // MOST_ROWS) or 1]
        model = _model(terms[rows], truth[rows], is_class=len(classes) > 0, strength=strength)
        own[left] = _said(model, terms[left], classes)
        for scores, other in zip(further, others, strict=True):
            scores += _said(model, other, classes) / n_folds
    return own, further


def _model(terms: Any, truth: np.ndarray, *, is_class: bool, strength: float) -> Any:
    """Return a fitted model; the one class where there is but one, and the mean where there is nothing."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression, Ridge

    if not is_class:
        return Ridge(alpha=1.0 / strength, solver="sparse_cg").fit(terms, truth) if len(truth) else 0.0
    found = np.unique(truth)
    if len(found) < 2:
        return found
    solver = "liblinear" if len(found) == 2 else "lbfgs"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, solver=solver, max_iter=100).fit(terms, truth)


def _said(model: Any, terms: Any, classes: np.ndarray) -> np.ndarray:
    """Return probabilities [M, C] or values [M, 1]."""
    if isinstance(model, float):
        return np.full((terms.shape[0], 1), model)
    if not len(classes):
        return model.predict(terms)[:, None] if terms.shape[0] else np.zeros((0, 1))
    scores = np.zeros((terms.shape[0], len(classes)))
    known = model if isinstance(model, np.ndarray) else model.classes_
    places = np.searchsorted(classes, known)
    if len(known) == 0:
        scores[:] = 1 / len(classes)
    elif isinstance(model, np.ndarray):
        scores[:, places] = 1.0
    elif terms.shape[0]:
        scores[:, places] = model.predict_proba(terms)
    return scores


def _loss(scores: np.ndarray, truth: np.ndarray, classes: np.ndarray) -> float:
    """Return the log-loss of probabilities [N, C], or the mean squared error of values."""
    if not len(classes):
        return float(np.mean((scores[:, 0] - truth) ** 2))
    of_truth = scores[np.arange(len(truth)), np.searchsorted(classes, truth)]
    return float(-np.log(np.maximum(of_truth, _FLOOR)).mean())
