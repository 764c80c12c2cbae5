"""A regressor of scikit-learn's form that learns from unlabelled rows too."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import numpy as np
import polars as pl
import torch
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score

from cotrain._base import DataError
from cotrain.cotraining.estimators._labels import columns_of
from cotrain.cotraining.estimators._semi_supervised import SemiSupervised
from cotrain.cotraining.rounds._records import CoTrainingResult
from cotrain.tasks import Regression, Task


@final
class CoTrainingRegressor(RegressorMixin, SemiSupervised):
    """Predict numbers with rounds of co-training, for one target or several that are learned together.

    A row whose y is NaN is unlabelled (−1 is a number like any other); of several columns each cell counts
    by itself. Numbers are labelled only where held-out labels can judge it, so with fewer than 20
    labels (validation rows and folds together) the answer is the supervised start.

    Args:
        strategy: see `CoTrainingClassifier`, as all that follow.
        estimator: a regressor, clones of which take the place of the networks; `None`: networks.
        encoder: the network from the inputs to a representation.
        views: lists of columns, "random" or "independent".
        max_rounds: rounds at most, ≥ 1.
        validation_fraction: share of the labelled rows to choose rounds on, in [0, 1).
        margin: standard errors by which a round must be better than the start, see `CoTraining`.
        min_labels: fewest held-out labels that rounds are judged by, see `CoTraining`.
        pseudo_weight: weight of a pseudo-label beside a true label, in (0, 1].
        updates: optimiser steps of every fit of a network, ≥ 1.
        batch_size: rows in a step, ≥ 1.
        learning_rate: peak step size, > 0.
        random_state: see scikit-learn's glossary.

    Attributes:
        transduction_: y with the accepted pseudo-labels filled in, of y's shape; NaN where none was.
        labeled_iter_: in which round each label was accepted: 0 = given, −1 = none.
        history_: the rounds, verdicts and reason of the end as plain values.
        n_features_in_: number of columns.
        feature_names_in_: their names, for a frame.

    Raises:
        DataError: at `fit`, if a target has no label or one that is not finite.

    Example:
        >>> from sklearn.datasets import load_diabetes
        >>> X, y = load_diabetes(return_X_y=True)
        >>> few = np.where(np.arange(442) % 5 == 0, y, np.nan)
        >>> model = CoTrainingRegressor(max_rounds=1, updates=60, random_state=0).fit(X, few)
        >>> model.predict(X).shape, bool(model.score(X, y) > 0.3)
        ((442,), True)

    The form is that of `CoTrainingClassifier`.
    """

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
        pseudo_weight: float = 0.5,
        updates: int = 100,
        batch_size: int = 64,
        learning_rate: float = 3e-3,
        random_state: Any = None,
    ) -> None:
        # Shorter and gentler than the classifier: with few labels numbers are learned by heart sooner.
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

    #: Without any held-out row numbers are not labelled at all.
    least_held = 5

    def predict(self, X: Any) -> np.ndarray:
        """Return the predicted numbers, [n] or [n, K]."""
        predictions, _ = self._predictions(X)
        found = []
        for task in self._tasks:
            values = predictions[task.name].values
            if values is None:
                raise TypeError("a number has no probabilities")
            found.append(task.original(values)[:, 0].double().numpy())
        return found[0] if self._single else np.stack(found, axis=1)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """Return R² on the labelled rows, for several targets its mean over them.

        Args:
            X: rows.
            y: [n] or [n, K]; NaN is left out.
            sample_weight: [n] weights of the rows.
        """
        truth = columns_of(y)[0].astype(np.float64)
        predicted = self.predict(X).reshape(truth.shape)
        weight = None if sample_weight is None else np.asarray(sample_weight)
        values = []
        for t in range(truth.shape[1]):
            known = ~np.isnan(truth[:, t])
            if known.any():
                kept = None if weight is None else weight[known]
                values.append(r2_score(truth[known, t], predicted[known, t], sample_weight=kept))
        return float(np.mean(values)) if values else float("nan")

    def _targets(
        self, y: np.ndarray, names: Sequence[str], counts: np.ndarray
    ) -> dict[str, tuple[Task, pl.DataFrame]]:
        try:
            values = y.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise DataError(f"y must hold numbers, and NaN where unlabelled: {error}.") from error
        self._tasks: list[Task] = []
        found = {}
        for t, name in enumerate(names):
            column = values[:, t]
            if np.isnan(column).all():
                raise DataError(
                    f"Task {name!r} has no label among the {len(y)} training rows: co-training completes "
                    "labels and cannot begin without one. Label some rows, or leave the column out."
                )
            task = Regression(name)
            labels = pl.DataFrame({name: column}).fill_nan(None)
            scaled_by = labels.filter(counts)
            # Where none counts the weights are refused later, by the name of the task.
            task.fit(labels if scaled_by[name].null_count() == scaled_by.height else scaled_by)
            self._tasks.append(task)
            found[name] = task, labels
        return found

    def _keep_labels(self, y: np.ndarray, outcome: CoTrainingResult | None, train_rows: np.ndarray) -> None:
        completed = y.astype(np.float64)
        open_ = np.isnan(completed)
        when = np.where(open_, -1, 0)
        for t, task in enumerate(self._tasks):
            if outcome is not None:
                labels = outcome.labels[task.name]
                accepted = labels.accepted[:, 0].numpy()
                # A number without weight was taught another, and stays here.
                accepted &= open_[train_rows, t]
                rows = train_rows[accepted]
                values = task.original(labels.values.to(torch.float64))[:, 0].numpy()
                completed[rows, t] = values[accepted]
                when[rows, t] = labels.round
        self.transduction_ = completed[:, 0] if self._single else completed
        self.labeled_iter_ = when[:, 0] if self._single else when
