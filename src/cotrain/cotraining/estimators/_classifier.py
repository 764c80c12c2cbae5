"""A classifier of scikit-learn's form that learns from unlabelled rows too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import polars as pl
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.utils.multiclass import check_classification_targets

from cotrain._base import DataError, first_largest
from cotrain.cotraining.estimators._labels import check_labels, columns_of, unlabelled
from cotrain.cotraining.estimators._semi_supervised import SemiSupervised
from cotrain.cotraining.rounds._records import CoTrainingResult
from cotrain.tasks import Binary, Multiclass, Task


@final
class CoTrainingClassifier(ClassifierMixin, SemiSupervised):
    """Classify with rounds of co-training, for one target or several that are learned together.

    A row whose y is −1, NaN, None or pd.NA is unlabelled; of several columns each cell counts by itself, and
    one network learns them all. −1 is no class: where y holds only −1 and 1 a warning says so. The guards of
    `CoTraining` hold: a task that no round is seen to have helped answers as it did before the first.

    Args:
        strategy: who teaches whom: a strategy, "auto", or `None`: `TwoViewCoTraining` where views are given,
            else `Committee`.
        estimator: a classifier with `predict_proba`, clones of which take the place of the networks;
            `None`: networks.
        encoder: the network from the inputs to a representation; `None`: one layer of 128 units, half of
            which is dropped in training, or for a frame with words `TableEncoder(128, 1)`.
        views: lists of columns (numbers, or names of a frame's columns), one list per view; or "random" or
            "independent" for two views that divide all columns, see `CoTraining`.
        max_rounds: rounds at most, ≥ 1.
        validation_fraction: share of the labelled rows to choose rounds on, in [0, 1). Where that is less
            than a hundred rows none are held out: the rounds are cross-fitted instead, so that all labels
            teach and each is held out once.
        margin: standard errors by which a round must be better than the start, see `CoTraining`.
        min_labels: fewest held-out labels that rounds are judged by, see `CoTraining`.
        logit_adjustment: how far rare classes are favoured in pseudo-labels, in [0, 2], see `CoTraining`.
        label_noise: "keep", or "confident" to take out labels that are probably wrong, see `CoTraining`.
        pseudo_weight: weight of a pseudo-label of confidence 1 beside a true label, in (0, 1].
        updates: optimiser steps of every fit of a network, ≥ 1.
        batch_size: rows in a step, ≥ 1.
        learning_rate: peak step size, > 0.
        random_state: see scikit-learn's glossary.

    Attributes:
        classes_: the classes [C]; a list of such arrays for several targets.
        transduction_: y with the accepted pseudo-labels filled in, of y's shape, given labels as they are;
            where none was accepted it stays as it was (None among words, and in lists).
        labeled_iter_: in which round each label was accepted: 0 = given, −1 = none.
        history_: the rounds, verdicts and reason of the end as plain values.
        n_features_in_: number of columns.
        feature_names_in_: their names, for a frame.

    Raises:
        DataError: at `fit`, if a target has no label.

    Example:
        >>> from sklearn.datasets import load_iris
        >>> X, y = load_iris(return_X_y=True)
        >>> few = np.where(np.arange(150) % 10 == 0, y, -1)
        >>> model = CoTrainingClassifier(max_rounds=2, updates=60, random_state=0).fit(X, few)
        >>> model.predict_proba(X).shape, bool(model.score(X, y) > 0.8)
        ((150, 3), True)

    The form is that of scikit-learn's SelfTrainingClassifier,
    https://scikit-learn.org/stable/modules/semi_supervised.html. There every label stays that was once
    accepted; here they are decided anew each round.
    """

    least_held = 100

    def __init__(
        self,
        strategy: Any = None,
        *,
        estimator: Any = None,
        encoder: Any = None,
        views: Any = None,
        max_rounds: int = 5,
        validation_fraction: float = 0.2,
        margin: float = 0.5,
        min_labels: int = 20,
        logit_adjustment: float = 0.0,
        label_noise: Any = "keep",
        pseudo_weight: float = 0.5,
        updates: int = 200,
        batch_size: int = 64,
        learning_rate: float = 1e-2,
        random_state: Any = None,
    ) -> None:
        super().__init__(
            strategy,
            estimator=estimator,
            encoder=encoder,
            views=views,
            max_rounds=max_rounds,
            validation_fraction=validation_fraction,
            margin=margin,
            min_labels=min_labels,
            pseudo_weight=pseudo_weight,
            updates=updates,
            batch_size=batch_size,
            learning_rate=learning_rate,
            random_state=random_state,
        )
        self.logit_adjustment = logit_adjustment
        self.label_noise = label_noise

    def predict(self, X: Any) -> np.ndarray:
        """Return the most probable classes, [n] or [n, K]."""
        found = self._probabilities(X)
        chosen = [classes[first_largest(p)] for p, classes in zip(found, self._classes, strict=True)]
        return chosen[0] if self._single else _side_by_side(chosen)

    def predict_proba(self, X: Any) -> Any:
        """Return probabilities [n, C] in the order of `classes_`; a list of them for several targets."""
        found = self._probabilities(X)
        return found[0] if self._single else found

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return the accuracy on the labelled rows, for several targets its mean over them.

        Args:
            X: rows.
            y: [n] or [n, K]; −1, NaN or None is left out.
            sample_weight: [n] weights of the rows.
        """
        truth, _ = columns_of(y)
        predicted = self.predict(X).reshape(truth.shape)
        weight = None if sample_weight is None else np.asarray(sample_weight)
        values = []
        for t in range(truth.shape[1]):
            known = ~unlabelled(truth[:, t])
            if known.any():
                pair = (_plain(truth[known, t]), _plain(predicted[known, t]))
                kept = None if weight is None else weight[known]
                values.append(accuracy_score(*pair, sample_weight=kept))
        return float(np.mean(values)) if values else float("nan")

    def _probabilities(self, X: Any) -> list[np.ndarray]:
        predictions, n = self._predictions(X)
        found = []
        for name, classes in zip(self._names, self._classes, strict=True):
            p = predictions[name].probabilities if name in predictions else None
            values = np.ones((n, len(classes))) if p is None else p[:, 0].double().numpy()
            found.append(values / values.sum(axis=1, keepdims=True))
        return found

    def _targets(
        self, y: np.ndarray, names: Sequence[str], counts: np.ndarray
    ) -> dict[str, tuple[Task, pl.DataFrame]]:
        # A class of which no label counts is one all the same, as it is for scikit-learn's classifiers.
        self._classes: list[np.ndarray] = []
        found = {}
        for t, name in enumerate(names):
            known = ~unlabelled(y[:, t])
            if not known.any():
                raise DataError(
                    f"Task {name!r} has no label among the {len(y)} training rows: co-training completes "
                    "labels and cannot begin without one. Label some rows, or leave the column out."
                )
            labels = _plain(y[known, t])
            check_labels(name, y[known, t], marked=not known.all())
            check_classification_targets(labels)
            classes, codes = np.unique(labels, return_inverse=True)
            self._classes.append(classes.astype(y.dtype) if y.dtype != object else classes)
            if len(classes) > 1:
                numbers: list[int | None] = [None] * len(y)
                for row, code in zip(np.flatnonzero(known).tolist(), codes.tolist(), strict=True):
                    numbers[row] = code
                task: Task = Binary(name) if len(classes) == 2 else Multiclass(name)
                # Every class twice: here one labelled row is enough to know a class.
                task.fit(pl.DataFrame({name: list(range(len(classes))) * 2}))
                found[name] = task, pl.DataFrame({name: pl.Series(numbers, dtype=pl.Int64)})
        self.classes_ = self._classes[0] if self._single else self._classes
        return found

    def _keep_labels(self, y: np.ndarray, outcome: CoTrainingResult | None, train_rows: np.ndarray) -> None:
        completed = y.copy()
        when = np.full(y.shape, -1, dtype=np.int64)
        for t, (name, classes) in enumerate(zip(self._names, self._classes, strict=True)):
            open_ = unlabelled(y[:, t])
            when[~open_, t] = 0
            labels = None if outcome is None else outcome.labels.get(name)
            if labels is not None and outcome is not None:
                accepted = labels.accepted[:, 0].numpy()
                # A label that was doubted, or that has no weight, was taught another, and stays here.
                accepted &= open_[train_rows]
                rows = train_rows[accepted]
                completed[rows, t] = classes[labels.values[:, 0].numpy()[accepted].astype(int)]
                when[rows, t] = labels.round
        self.transduction_ = completed[:, 0] if self._single else completed
        self.labeled_iter_ = when[:, 0] if self._single else when


def _side_by_side(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return columns as [n, K], as objects where an array would make words of the numbers among them."""
    kinds = {"number" if column.dtype.kind in "iuf" else column.dtype.kind for column in columns}
    return np.stack([column if len(kinds) == 1 else column.astype(object) for column in columns], axis=1)


def _plain(labels: np.ndarray) -> np.ndarray:
    """Return objects that are all numbers or all words as an array of these."""
    return np.array(labels.tolist()) if labels.dtype.kind == "O" else labels
