"""Gradient-boosted trees, one model per target: the reference that a network has to face on tables."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from cotrain._base import InvalidArgumentError, mix_seed
from cotrain.tasks import Task

#: Most values of a categorical column that the trees take; rarer ones fall together.
MAX_CATEGORIES = 255
#: From how many labelled rows on a tenth is set aside to stop early.
ROWS_FOR_EARLY_STOPPING = 1000


def boosted_trees(
    task: Task,
    features_train: np.ndarray,
    targets: Tensor,
    mask: Tensor,
    features_test: np.ndarray,
    *,
    categorical: np.ndarray | None = None,
    max_iter: int = 400,
    learning_rate: float = 0.05,
    seed: int = 0,
) -> np.ndarray:
    """Fit gradient-boosted trees to every target of a task alone and return their scores.

    Numbers get a regressor per column, labels a yes-or-no classifier per label, classes and levels one
    classifier. Each is fitted on the rows labelled for it. With 1000 or more of these a tenth is set aside
    to stop early; with fewer all are used for 100 rounds at most. Scikit-learn's histogram gradient boosting,
    https://scikit-learn.org/stable/modules/ensemble.html#histogram-based-gradient-boosting, after LightGBM
    (Ke et al. 2017).

    Args:
        task: a fitted task.
        features_train: [N, F] float, NaN where missing; a categorical column holds codes ≥ 0.
        targets: [N, T] in the coding of `Task.encode`.
        mask: [N, T], True where labelled.
        features_test: [M, F], coded alike.
        categorical: bool [F], which columns hold categories; `None`: none.
        max_iter: most boosting rounds, ≥ 1.
        learning_rate: shrinkage of each tree, > 0.
        seed: of the early-stopping split.

    Returns:
        Scores float64 [M, ...] in the unit of `Task.scores`, for `evaluate_scores`.

    Raises:
        InvalidArgumentError: if the shapes do not fit, or a target has no label.

    Example:
        >>> import polars as pl
        >>> from cotrain.tasks import Regression
        >>> x = np.repeat(np.arange(4.0), 50)
        >>> frame = pl.DataFrame({"y": x * 10})
        >>> task = Regression("y")
        >>> task.fit(frame)
        >>> boosted_trees(task, x[:, None], *task.encode(frame), np.array([[2.0]])).round(1)
        array([[20.]])
    """
    if features_train.ndim != 2 or features_train.shape[0] != len(targets):
        raise InvalidArgumentError(
            f"boosted_trees: features_train has shape {features_train.shape}, expected [{len(targets)}, F]."
        )
    if features_test.ndim != 2 or features_test.shape[1] != features_train.shape[1]:
        raise InvalidArgumentError(
            f"boosted_trees: features_test has shape {features_test.shape}, expected "
            f"[M, {features_train.shape[1]}] as in features_train."
        )
    kinds = np.zeros(features_train.shape[1], bool) if categorical is None else np.asarray(categorical, bool)
    train, test = _group_rare(features_train, features_test, kinds)
    truth = task.original(targets).double().cpu().numpy()
    labelled = (mask > 0).cpu().numpy()
    options = {
        "categorical_features": kinds,
        "learning_rate": learning_rate,
        # Small trees that stop late: what did best over targets with much noise and few positives.
        "max_leaf_nodes": 15,
        "l2_regularization": 1.0,
        "n_iter_no_change": 20,
        "random_state": mix_seed(seed, "trees", task.name) % 2**32,
    }
    columns = []
    for t in range(truth.shape[1]):
        rows = labelled[:, t]
        if not rows.any():
            raise InvalidArgumentError(
                f"boosted_trees: target {task.labels[t]!r} has no label to learn from."
            )
        early = int(rows.sum()) >= ROWS_FOR_EARLY_STOPPING
        rounds = {"early_stopping": early, "max_iter": max_iter if early else min(max_iter, 100)}
        columns.append(_fit_one(task, train[rows], truth[rows, t], test, options | rounds))
    return np.concatenate(columns, axis=1)


def _fit_one(
    task: Task, train: np.ndarray, truth: np.ndarray, test: np.ndarray, options: dict[str, Any]
) -> np.ndarray:
    """Return [M, 1] values or probabilities of yes, or [M, C] probabilities of the classes."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    if not task.has_classes:
        return HistGradientBoostingRegressor(**options).fit(train, truth).predict(test)[:, None]
    classes, counts = np.unique(truth.astype(int), return_counts=True)
    scores = np.zeros((len(test), task.n_classes))
    if len(classes) == 1:
        scores[:, classes[0]] = 1.0
    else:
        # The split for early stopping is stratified: two rows of each class, and a tenth of the rows for all.
        early = options["early_stopping"] and counts.min() >= 2 and len(truth) >= 10 * len(classes)
        # Every class costs a tree a round; many classes must not cost more than twenty.
        rounds = max(1, options["max_iter"] * 20 // max(20, len(classes)))
        options = options | {"early_stopping": early, "max_iter": rounds}
        model = HistGradientBoostingClassifier(**options).fit(train, truth.astype(int))
        scores[:, classes] = model.predict_proba(test)
    return task.target_kind.scores(scores[:, None])


def _group_rare(
    train: np.ndarray, test: np.ndarray, categorical: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Recode categories from 0 by frequency in `train`; rare and unknown ones share the last code."""
    train, test = train.astype(np.float64), test.astype(np.float64)
    for f in np.flatnonzero(categorical):
        values, counts = np.unique(train[~np.isnan(train[:, f]), f], return_counts=True)
        kept = np.sort(values[np.argsort(-counts, kind="stable")][: MAX_CATEGORIES - 1])
        for features in (train, test):
            column = features[:, f]
            place = np.clip(np.searchsorted(kept, column), 0, max(0, len(kept) - 1))
            found = kept[place] == column if len(kept) else np.zeros(len(column), bool)
            features[:, f] = np.where(np.isnan(column), np.nan, np.where(found, place, len(kept)))
    return train, test
