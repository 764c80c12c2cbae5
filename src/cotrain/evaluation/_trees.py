"""Gradient-boosted trees, one model per target: the reference that a network has to face on tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cotrain._base import InvalidArgumentError, check_choice, mix_seed
from cotrain.evaluation._boosted_trees import BoostedTrees, TargetTrees, TreeRows, kept_categories
from cotrain.evaluation._lightgbm_trees import LightGBMTrees
from cotrain.evaluation._scikit_learn_trees import ScikitLearnTrees
from cotrain.evaluation._term_model import TermModel
from cotrain.evaluation._term_scores import STRENGTHS, term_scores
from cotrain.evaluation._tree_library import Boosting, TargetRows, TreeLibrary, TreeLibraryName
from cotrain.tasks import Task

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
#: Whose trees there are.
TREE_LIBRARIES: dict[TreeLibraryName, TreeLibrary] = {
    "scikit-learn": ScikitLearnTrees(),
    "lightgbm": LightGBMTrees(),
}


def tree_library(name: TreeLibraryName) -> TreeLibrary:
    """Return whose trees these are.

    Raises:
        InvalidArgumentError: there are none of that name.

    Example:
        >>> tree_library("lightgbm").title
        'LightGBM'
    """
    check_choice("fit_trees", tuple(TREE_LIBRARIES), library=name)
    return TREE_LIBRARIES[name]


def fit_trees(
    task: Task,
    train: TreeRows,
    held: TreeRows | None = None,
    *,
    categorical: np.ndarray | None = None,
    max_iter: int = 2000,
    learning_rate: float = 0.05,
    seed: int = 0,
    library: TreeLibraryName = "scikit-learn",
) -> BoostedTrees:
    """Fit gradient-boosted trees to every target of a task alone.

    Numbers get a regressor per column, or one per column and level of their quantiles with the pinball loss
    (put in order where they cross), labels a yes-or-no classifier per label, classes and levels one
    classifier. Each is fitted on the rows labelled for it, and ends with the round after which the loss on
    the held-out rows did not become better for 20 more, or 50 where there are few rows. Without ten of these
    a tenth of 1000 or more training rows is set aside for that, and of fewer all are used for 100 rounds at
    most. Words come in as what a linear model of them says, out of fold (`term_scores`).

    Args:
        task: a fitted task.
        train: rows to learn from.
        held: rows to stop by, such as the validation rows.
        categorical: bool [F], which columns hold categories; `None`: none.
        max_iter: most boosting rounds, ≥ 1.
        learning_rate: shrinkage of each tree, > 0.
        seed: of the early-stopping split and the folds.
        library: whose trees: "scikit-learn", its histogram gradient boosting, or "lightgbm". Both get the
            same rows, weights, rounds, sizes of leaves and rule to stop by.

    Raises:
        InvalidArgumentError: if the shapes do not fit, a target has no label, or there is no such library.
        MissingExtraError: LightGBM is asked for and not installed.

    Example:
        >>> import polars as pl
        >>> from cotrain.tasks import Regression
        >>> x = np.repeat(np.arange(4.0), 50)
        >>> frame = pl.DataFrame({"y": x * 10})
        >>> task = Regression("y")
        >>> task.fit(frame)
        >>> trees = fit_trees(task, TreeRows(x[:, None], *task.encode(frame)))
        >>> trees.scores(task, TreeRows(np.array([[2.0]]))).round(1)
        array([[20.]])
    """
    grower = tree_library(library)
    _require_shapes(train, held)
    n_features = train.features.shape[1]
    kinds = np.zeros(n_features, bool) if categorical is None else np.asarray(categorical, bool)
    kept = kept_categories(train.features, kinds)
    rows = [train.with_kept(kept), *([] if held is None else [held.with_kept(kept)])]
    targets = []
    for t in range(len(task.labels)):
        terms, of_train, of_held = _of_target(task, t, rows, seed)
        wider = np.zeros(of_train.features.shape[1], bool)
        wider[:n_features] = kinds
        how = Boosting(
            categorical=wider,
            rounds=max_iter,
            learning_rate=learning_rate,
            leaf_rows=20,
            patience=PATIENCE_OF_MANY,
            seed=mix_seed(seed, "trees", task.name) % 2**32,
        )
        targets.append(_fit_one(task, of_train, of_held, terms, how=how, library=grower))
    return BoostedTrees(kept, targets, n_features)


def _of_target(
    task: Task, t: int, rows: Sequence[TreeRows], seed: int
) -> tuple[TermModel | None, TargetRows, TargetRows | None]:
    """Return what one target's trees are told of words, what they learn from, and what they stop by."""
    features, terms, truths, weights = [], [], [], []
    for one in rows:
        truth, labelled = one.truth(task)
        known = labelled[:, t]
        features.append(one.features[known])
        terms.append(None if one.terms is None else one.terms[np.flatnonzero(known)])
        truths.append(truth[known, t])
        weights.append(None if one.weights is None else one.weights[known, t])
    if not len(truths[0]):
        raise InvalidArgumentError(f"boosted_trees: target {task.labels[t]!r} has no label to learn from.")
    model = None
    if terms[0] is not None and terms[0].shape[1]:
        many = len(task.labels) > MANY_TARGETS
        own, model = term_scores(
            terms[0],
            truths[0],
            has_classes=task.has_classes,
            strengths=(1.0,) if many else STRENGTHS,
            n_folds=3 if many else 5,
            weights=weights[0],
            seed=seed,
        )
        said = [own, *(model.scores(one) for one in terms[1:])]
        features = [np.hstack(pair) for pair in zip(features, said, strict=True)]
    found = [TargetRows(*parts) for parts in zip(features, truths, weights, strict=True)]
    return model, found[0], found[1] if len(found) > 1 else None


def _fit_one(
    task: Task,
    train: TargetRows,
    held: TargetRows | None,
    terms: TermModel | None,
    *,
    how: Boosting,
    library: TreeLibrary,
) -> TargetTrees:
    """Return the trees of one target; none where it has but one class."""
    if not task.has_classes:
        how, held = _stopping(train, held, how)
        levels = list(task.quantile_levels)
        ensembles = [library.grow(train, held, replace(how, quantile=level)) for level in levels or [None]]
        return TargetTrees(ensembles, None, terms, levels)
    classes, codes, counts = np.unique(train.truth.astype(int), return_inverse=True, return_counts=True)
    if len(classes) == 1:
        return TargetTrees([], classes, terms)
    if held is not None:
        held = held.where(np.isin(held.truth, classes))
        held = replace(held, truth=np.searchsorted(classes, held.truth.astype(int)))
    # Every class costs a tree a round; many classes must not cost more than twenty.
    rounds = max(1, how.rounds * 20 // max(20, len(classes)))
    # The split for early stopping is stratified: two rows of each class, and a tenth of the rows for all.
    can_split = bool(counts.min() >= 2 and len(codes) >= 10 * len(classes))
    how = replace(how, rounds=rounds, n_classes=len(classes))
    train = replace(train, truth=codes)
    how, held = _stopping(train, held, how, can_split=can_split)
    return TargetTrees([library.grow(train, held, how)], classes, terms)


def _stopping(
    train: TargetRows, held: TargetRows | None, how: Boosting, *, can_split: bool = True
) -> tuple[Boosting, TargetRows | None]:
    """Return when boosting stops, and the rows by which it does."""
    if len(train.truth) < SMALL:
        how = replace(how, leaf_rows=5, patience=PATIENCE)
    if held is not None and len(held.truth) >= LEAST_HELD:
        return how, held
    enough = len(train.truth) >= ROWS_FOR_EARLY_STOPPING
    rounds = how.rounds if enough else min(how.rounds, 100)
    return replace(how, rounds=rounds, sets_aside=enough and can_split), None


def _require_shapes(train: TreeRows, held: TreeRows | None) -> None:
    n_rows = 0 if train.targets is None else len(train.targets)
    if train.features.ndim != 2 or train.features.shape[0] != n_rows:
        raise InvalidArgumentError(
            f"fit_trees: the training features have shape {train.features.shape}, expected [{n_rows}, F]."
        )
    if held is not None and (held.features.ndim != 2 or held.features.shape[1] != train.features.shape[1]):
        raise InvalidArgumentError(
            f"fit_trees: the held-out features have shape {held.features.shape}, expected "
            f"[M, {train.features.shape[1]}] as those of the training rows."
        )
