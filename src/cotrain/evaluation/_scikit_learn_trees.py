"""Boosted trees by scikit-learn's histogram gradient boosting."""

from __future__ import annotations

from typing import Any, final

import numpy as np

from cotrain.evaluation._tree_ensemble import TreeEnsemble
from cotrain.evaluation._tree_library import Boosting, TargetRows, TreeLibrary


@final
class ScikitLearnTrees(TreeLibrary):
    """Scikit-learn's histogram gradient boosting, after LightGBM (Ke et al. 2017).

    See https://scikit-learn.org/stable/modules/ensemble.html#histogram-based-gradient-boosting.

    Example:
        >>> x = np.repeat(np.arange(4.0), 50)[:, None]
        >>> how = Boosting(np.array([False]), rounds=50, learning_rate=0.3, leaf_rows=5, patience=20)
        >>> ScikitLearnTrees().grow(TargetRows(x, 10 * x[:, 0]), None, how).raw(np.array([[2.0]])).round()
        array([[20.]])
    """

    title = "scikit-learn"

    def require(self) -> None:
        """Do nothing: it is always installed."""

    def grow(self, train: TargetRows, held: TargetRows | None, how: Boosting) -> TreeEnsemble:
        """Return the trees up to the round that was best, see `TreeLibrary.grow`."""
        from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

        options: dict[str, Any] = {
            "learning_rate": how.learning_rate,
            "max_iter": how.rounds,
            "max_leaf_nodes": how.max_leaves,
            "l2_regularization": how.l2,
            "min_samples_leaf": how.leaf_rows,
            "n_iter_no_change": how.patience,
            "early_stopping": held is not None or how.sets_aside,
            "categorical_features": how.categorical,
            "random_state": how.seed,
        }
        if how.quantile is not None:
            options |= {"loss": "quantile", "quantile": how.quantile}
        kind = HistGradientBoostingClassifier if how.n_classes else HistGradientBoostingRegressor
        rows: dict[str, Any] = {} if held is None else {"X_val": held.features, "y_val": held.truth}
        if held is not None and held.weights is not None:
            rows["sample_weight_val"] = held.weights
        model = kind(**options).fit(train.features, train.truth, train.weights, **rows)
        # Boosting went on to see that the best round was the best; the first score is that of no tree at all.
        gains = model.validation_score_
        best = int(np.argmax(gains)) if len(gains) else model.n_iter_
        return TreeEnsemble.of_scikit_learn(model, max(best, 1))
