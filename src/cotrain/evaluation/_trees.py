"""Gradient-boosted trees, one model per target: the reference that a network has to face on tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, final

import numpy as np
from torch import Tensor

from cotrain._base import InvalidArgumentError, mix_seed
from cotrain.evaluation._term_scores import STRENGTHS, term_scores
from cotrain.tasks import Task

#: Most values of a categorical column that the trees take; rarer ones fall together.
MAX_CATEGORIES = 255
#: From how many labelled rows on a tenth is set aside to stop early, where no rows are given for that.
ROWS_FOR_EARLY_STOPPING = 1000
#: Fewest labelled rows to stop by.
LEAST_HELD = 10
#: Below so many labelled rows a leaf may hold 5 instead of 20. On 537 training rows of a table of buildings
#: (five splits) that brings the rmse of its two targets from .54 and 1.20 to .39 and .81.
SMALL = 2000
#: Rounds without gain after which trees of few rows, and of many, stop.
PATIENCE, PATIENCE_OF_MANY = 50, 20
#: With more targets than this, words are divided into fewer folds and have one strength.
MANY_TARGETS = 8


@final
@dataclass(frozen=True, eq=False)
class TreeRows:
    """What trees are told of some rows.

    Args:
        features: [N, F] float, NaN where missing; a categorical column holds codes ≥ 0.
        targets: [N, T] in the coding of `Task.encode`; `None` where only scores are wanted.
        mask: [N, T], True where labelled.
        terms: sparse [N, V] of the rows' words, see `TermMatrix`; `None`: there are none.

    Example:
        >>> TreeRows(np.zeros((5, 2))).features.shape
        (5, 2)
    """

    features: np.ndarray
    targets: Tensor | None = None
    mask: Tensor | None = None
    terms: Any = None

    def truth(self, task: Task) -> tuple[np.ndarray, np.ndarray]:
        """Return the targets in the unit of `Task.original` and where they are known, [N, T] each."""
        if self.targets is None or self.mask is None:
            raise InvalidArgumentError("boosted_trees needs the targets and mask of its training rows.")
        return task.original(self.targets).double().cpu().numpy(), (self.mask > 0).cpu().numpy()


def boosted_trees(
    task: Task,
    train: TreeRows,
    test: TreeRows,
    held: TreeRows | None = None,
    *,
    categorical: np.ndarray | None = None,
    max_iter: int = 2000,
    learning_rate: float = 0.05,
    seed: int = 0,
) -> np.ndarray:
    """Fit gradient-boosted trees to every target of a task alone and return their scores.

    Numbers get a regressor per column, labels a yes-or-no classifier per label, classes and levels one
    classifier. Each is fitted on the rows labelled for it, and ends with the round after which the loss on
    the held-out rows did not become better for 20 more, or 50 where there are few rows. Without ten of these
    a tenth of 1000 or more training rows is set aside for that, and of fewer all are used for 100 rounds at
    most. Words come in as what a linear model of them says, out of fold (`term_scores`). Scikit-learn's
    histogram gradient boosting, after LightGBM (Ke et al. 2017),
    https://scikit-learn.org/stable/modules/ensemble.html#histogram-based-gradient-boosting.

    Args:
        task: a fitted task.
        train: rows to learn from.
        test: rows to score.
        held: rows to stop by, such as the validation rows.
        categorical: bool [F], which columns hold categories; `None`: none.
        max_iter: most boosting rounds, ≥ 1.
        learning_rate: shrinkage of each tree, > 0.
        seed: of the early-stopping split and the folds.

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
        >>> train = TreeRows(x[:, None], *task.encode(frame))
        >>> boosted_trees(task, train, TreeRows(np.array([[2.0]]))).round(1)
        array([[20.]])
    """
    _require_shapes(train, test, held)
    n_features = train.features.shape[1]
    kinds = np.zeros(n_features, bool) if categorical is None else np.asarray(categorical, bool)
    rows = [train, test, *([] if held is None else [held])]
    grouped = [
        replace(one, features=features)
        for one, features in zip(rows, _group_rare([one.features for one in rows], kinds), strict=True)
    ]
    options: dict[str, Any] = {
        "learning_rate": learning_rate,
        "max_iter": max_iter,
        # Small trees that stop late: what did best over targets with much noise and few positives.
        "max_leaf_nodes": 15,
        "l2_regularization": 1.0,
        "random_state": mix_seed(seed, "trees", task.name) % 2**32,
    }
    columns = []
    for t in range(len(task.labels)):
        (features, truth), (of_test, _), of_held = _of_target(task, t, grouped, seed)
        wider = np.zeros(features.shape[1], bool)
        wider[:n_features] = kinds
        options["categorical_features"] = wider
        columns.append(_fit_one(task, (features, truth), of_test, of_held, options))
    return np.concatenate(columns, axis=1)


#: Features [n, F] and the truth [n] of rows that are labelled for one target.
_Labelled = tuple[np.ndarray, np.ndarray]


def _of_target(
    task: Task, t: int, rows: Sequence[TreeRows], seed: int
) -> tuple[_Labelled, _Labelled, _Labelled | None]:
    """Return what one target's trees learn from, score and stop by; of the second all rows, and no truth."""
    train, test, *held = rows
    features, terms, truths = [], [], []
    for one in (train, test, *held):
        truth, known = np.zeros(0), np.ones(len(one.features), bool)
        if one is not test:
            truths_of_all, labelled = one.truth(task)
            known = labelled[:, t]
            truth = truths_of_all[known, t]
        if one is train and not known.any():
            raise InvalidArgumentError(
                f"boosted_trees: target {task.labels[t]!r} has no label to learn from."
            )
        features.append(one.features[known])
        terms.append(None if one.terms is None else one.terms[np.flatnonzero(known)])
        truths.append(truth)
    if terms[0] is not None and terms[0].shape[1]:
        many = len(task.labels) > MANY_TARGETS
        own, others = term_scores(
            terms[0],
            truths[0],
            terms[1:],
            has_classes=task.has_classes,
            strengths=(1.0,) if many else STRENGTHS,
            n_folds=3 if many else 5,
            seed=seed,
        )
        features = [np.hstack(pair) for pair in zip(features, [own, *others], strict=True)]
    found = list(zip(features, truths, strict=True))
    return found[0], found[1], found[2] if held else None


def _fit_one(
    task: Task,
    train: _Labelled,
    test: np.ndarray,
    held: _Labelled | None,
    options: dict[str, Any],
) -> np.ndarray:
    """Return [M, 1] values or probabilities of yes, or [M, C] probabilities of the classes."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    features, truth = train
    if not task.has_classes:
        stops, given = _stopping(truth, held, options["max_iter"])
        model = HistGradientBoostingRegressor(**options | stops).fit(features, truth, **given)
        return _at_best(model, model.staged_predict(test))[:, None]
    truth = truth.astype(int)
    classes, counts = np.unique(truth, return_counts=True)
    scores = np.zeros((len(test), task.n_classes))
    if len(classes) == 1:
        scores[:, classes[0]] = 1.0
    else:
        if held is not None:
            known = np.isin(held[1], classes)
            held = held[0][known], held[1][known].astype(int)
        # Every class costs a tree a round; many classes must not cost more than twenty.
        rounds = max(1, options["max_iter"] * 20 // max(20, len(classes)))
        # The split for early stopping is stratified: two rows of each class, and a tenth of the rows for all.
        can_split = counts.min() >= 2 and len(truth) >= 10 * len(classes)
        stops, given = _stopping(truth, held, rounds, can_split=bool(can_split))
        model = HistGradientBoostingClassifier(**options | stops).fit(features, truth, **given)
        scores[:, classes] = _at_best(model, model.staged_predict_proba(test))
    return task.target_kind.scores(scores[:, None])


def _stopping(
    truth: np.ndarray, held: _Labelled | None, max_iter: int, *, can_split: bool = True
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return the settings by which boosting stops, and the rows by which it does."""
    small = len(truth) < SMALL
    settings: dict[str, Any] = {
        "min_samples_leaf": 5 if small else 20,
        "n_iter_no_change": PATIENCE if small else PATIENCE_OF_MANY,
    }
    if held is not None and len(held[1]) >= LEAST_HELD:
        stops = {"early_stopping": True, "max_iter": max_iter}
        return settings | stops, {"X_val": held[0], "y_val": held[1]}
    enough = len(truth) >= ROWS_FOR_EARLY_STOPPING
    most = max_iter if enough else min(max_iter, 100)
    return settings | {"early_stopping": enough and can_split, "max_iter": most}, {}


def _at_best(model: Any, stages: Iterator[np.ndarray]) -> np.ndarray:
    """Return the predictions after the round that was best, where boosting went on to see that it was."""
    gains = model.validation_score_
    # The first score is that of no tree at all.
    best = int(np.argmax(gains)) if len(gains) else model.n_iter_
    return next(islice(stages, max(best, 1) - 1, None))


def _require_shapes(train: TreeRows, test: TreeRows, held: TreeRows | None) -> None:
    n_rows = 0 if train.targets is None else len(train.targets)
    if train.features.ndim != 2 or train.features.shape[0] != n_rows:
        raise InvalidArgumentError(
            f"boosted_trees: the training features have shape {train.features.shape}, expected [{n_rows}, F]."
        )
    for name, one in (("test", test), ("held-out", held)):
        if one is not None and (one.features.ndim != 2 or one.features.shape[1] != train.features.shape[1]):
            raise InvalidArgumentError(
                f"boosted_trees: the {name} features have shape {one.features.shape}, expected "
                f"[M, {train.features.shape[1]}] as those of the training rows."
            )


def _group_rare(rows: Sequence[np.ndarray], categorical: np.ndarray) -> list[np.ndarray]:
    """Recode categories from 0 by frequency in the first rows; rare and unknown ones share the last code."""
    copies = [features.astype(np.float64) for features in rows]
    train = copies[0]
    for f in np.flatnonzero(categorical):
        values, counts = np.unique(train[~np.isnan(train[:, f]), f], return_counts=True)
        kept = np.sort(values[np.argsort(-counts, kind="stable")][: MAX_CATEGORIES - 1])
        for features in copies:
            column = features[:, f]
            place = np.clip(np.searchsorted(kept, column), 0, max(0, len(kept) - 1))
            found = kept[place] == column if len(kept) else np.zeros(len(column), bool)
            features[:, f] = np.where(np.isnan(column), np.nan, np.where(found, place, len(kept)))
    return copies
