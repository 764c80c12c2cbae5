"""Boosted trees by LightGBM, an optional package."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any, final

import numpy as np

from cotrain._base import require_extra
from cotrain.evaluation._tree_ensemble import TreeEnsemble
from cotrain.evaluation._tree_library import Boosting, TargetRows, TreeLibrary

#: Bits of a node's decision type in LightGBM's text format: whether it asks for a category, whether a missing
#: value goes left, and whether NaN is one, which it is in a column that had gaps in training.
ASKS_CATEGORY, MISSING_LEFT, NAN_IS_MISSING = 1, 2, 8
#: Fewest rows of a category that counts, as scikit-learn has it. By LightGBM's default, 100, trees of a few
#: hundred rows ask for none. On 500, 1000, 2500 and 8000 rows of the Adult table (means of 8 samples, of the
#: last of 3) 10 was the better one for 10 of the 12 figures of three tasks.
CATEGORY_ROWS = 10
#: Words of 32 bits that a set of categories has.
WORDS = 8


@final
class LightGBMTrees(TreeLibrary):
    """LightGBM's gradient boosting, in one thread and deterministic.

    A value that is missing in a column without gaps in training counts as 0, as LightGBM has it. The trees
    come out as arrays, so that whoever is asked later needs no LightGBM.

    Source: Ke et al. 2017, "LightGBM: a highly efficient gradient boosting decision tree",
    https://lightgbm.readthedocs.io.

    Example:
        >>> x = np.repeat(np.arange(4.0), 50)[:, None]
        >>> how = Boosting(np.array([False]), rounds=50, learning_rate=0.3, leaf_rows=5, patience=20)
        >>> LightGBMTrees().grow(TargetRows(x, 10 * x[:, 0]), None, how).raw(np.array([[2.0]])).round()
        array([[20.]])
    """

    title = "LightGBM"
    packages = ("lightgbm",)

    def require(self) -> None:
        """See that it is installed.

        Raises:
            MissingExtraError: it is not.
        """
        _lightgbm()

    def grow(self, train: TargetRows, held: TargetRows | None, how: Boosting) -> TreeEnsemble:
        """Return the trees up to the round that was best, see `TreeLibrary.grow`."""
        lightgbm = _lightgbm()
        # Labels are kept in 32 bits: numbers far from 0 would lose what tells them apart.
        centre, scale = _standard(train) if not how.n_classes else (0.0, 1.0)
        train = replace(train, truth=(train.truth - centre) / scale)
        if held is not None:
            held = replace(held, truth=(held.truth - centre) / scale)
        elif how.sets_aside:
            train, held = _set_aside(train, how)
        options = _options(how)
        given = {"params": options, "categorical_feature": np.flatnonzero(how.categorical).tolist()}
        rows = lightgbm.Dataset(train.features, train.truth, weight=train.weights, **given)
        stops: dict[str, Any] = {}
        if held is not None:
            stop = lightgbm.Dataset(held.features, held.truth, weight=held.weights, reference=rows, **given)
            ends = lightgbm.early_stopping(how.patience, verbose=False)
            stops = {"valid_sets": [stop], "callbacks": [ends]}
        booster = lightgbm.train(options, rows, how.rounds, **stops)
        # The best round, or every round where there was nothing to stop by.
        text = booster.model_to_string(num_iteration=booster.best_iteration if held is not None else -1)
        ensemble = ensemble_of_text(text, max(1, how.n_classes if how.n_classes > 2 else 1), how.categorical)
        return replace(ensemble, baseline=ensemble.baseline + centre, value=ensemble.value * scale)


def _lightgbm() -> Any:
    return require_extra("lightgbm", "trees", "trees: lightgbm")


def _options(how: Boosting) -> dict[str, Any]:
    options: dict[str, Any] = {
        "learning_rate": how.learning_rate,
        "num_leaves": how.max_leaves,
        "lambda_l2": how.l2,
        "min_data_in_leaf": how.leaf_rows,
        "min_data_per_group": CATEGORY_ROWS,
        "seed": how.seed % 2**31,
        # Equal seeds give equal trees, whichever processor counts the rows.
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        "verbosity": -1,
    }
    if how.n_classes > 2:
        return options | {"objective": "multiclass", "num_class": how.n_classes}
    if how.n_classes:
        return options | {"objective": "binary"}
    if how.quantile is not None:
        return options | {"objective": "quantile", "alpha": how.quantile}
    return options | {"objective": "regression"}


def _standard(rows: TargetRows) -> tuple[float, float]:
    """Return the mean of the numbers and how far they spread, 1 where they are all alike."""
    centre = float(np.average(rows.truth, weights=rows.weights))
    spread = float(np.std(rows.truth))
    return centre, spread if spread > 0 else 1.0


def _set_aside(rows: TargetRows, how: Boosting) -> tuple[TargetRows, TargetRows]:
    """Divide the rows into those to learn from and a tenth to stop by, with their share of every class."""
    from sklearn.model_selection import train_test_split

    classes = rows.truth if how.n_classes else None
    numbers = np.arange(len(rows.truth))
    learn, stop = train_test_split(numbers, test_size=0.1, stratify=classes, random_state=how.seed)
    return rows.where(learn), rows.where(stop)


def ensemble_of_text(text: str, n_trees: int, categorical: np.ndarray) -> TreeEnsemble:
    """Return the trees of a model in LightGBM's text format.

    Args:
        text: what `Booster.model_to_string` returns.
        n_trees: K, trees of a round.
        categorical: bool [F], which columns hold categories.

    Shapes: a tree of L leaves has the nodes 0 to L - 2, each before its children, and then its leaves.
    """
    trees = [_fields(part) for part in text.split("\nend of trees")[0].split("\nTree=")[1:]]
    parts = [_nodes(fields) for fields in trees]
    first = np.cumsum([0, *(len(part["feature"]) for part in parts)])
    first_set = np.cumsum([0, *(len(part["bitsets"]) for part in parts)])
    of = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    offset = np.repeat(first[:-1], np.diff(first))
    of_set = np.repeat(first_set[:-1], np.diff(first))
    columns = np.flatnonzero(categorical)
    # Codes are their own places: whatever a node does not name goes right.
    known = np.tile(np.arange(32.0 * WORDS), len(columns))
    return TreeEnsemble(
        baseline=np.zeros(n_trees),
        roots=first[:-1].reshape(-1, n_trees).astype(np.int32),
        feature=of["feature"].astype(np.int32),
        threshold=of["threshold"],
        left=(of["left"] + offset).astype(np.int32),
        right=(of["right"] + offset).astype(np.int32),
        missing_left=of["missing_left"],
        value=of["value"],
        bits=np.where(of["bits"] >= 0, of["bits"] + of_set, -1).astype(np.int32),
        bitsets=of["bitsets"],
        categorical=columns.astype(np.int32),
        first_known=(np.arange(len(columns) + 1) * 32 * WORDS).astype(np.int32),
        known=known,
    )


def _fields(text: str) -> dict[str, np.ndarray]:
    """Return the arrays of one tree by their names."""
    pairs = (line.split("=", 1) for line in text.splitlines() if "=" in line)
    return {name: np.array(values.split(), np.float64) for name, values in pairs}


def _nodes(fields: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the nodes of one tree, the leaves behind the others."""
    values = fields["leaf_value"]
    n_leaves = len(values)
    n_inner = n_leaves - 1
    own = np.arange(n_inner + n_leaves)
    children = {}
    for side in ("left", "right"):
        # A leaf is written as the complement of its number.
        to = fields.get(f"{side}_child", np.zeros(0))[:n_inner].astype(np.int64)
        children[side] = np.concatenate([np.where(to < 0, n_inner + ~to, to), own[n_inner:]])
    decision = fields.get("decision_type", np.zeros(0))[:n_inner].astype(np.int64)
    threshold = fields.get("threshold", np.zeros(0))[:n_inner]
    asks = (decision & ASKS_CATEGORY) > 0
    goes = np.where(decision & NAN_IS_MISSING, decision & MISSING_LEFT, threshold >= 0) > 0
    leaves = np.zeros(n_leaves)
    return {
        "feature": np.concatenate([fields.get("split_feature", leaves)[:n_inner], leaves]),
        "threshold": np.concatenate([np.where(asks, np.nan, threshold), leaves + np.nan]),
        **children,
        "missing_left": np.concatenate([goes & ~asks, leaves > 0]),
        "value": np.concatenate([np.zeros(n_inner), values]),
        # Of a node that asks for a category the threshold is the number of its set.
        "bits": np.concatenate([np.where(asks, threshold, -1), leaves - 1]),
        "bitsets": _sets(fields),
    }


def _sets(fields: dict[str, np.ndarray]) -> np.ndarray:
    """Return the sets of categories of one tree, uint32 [S, 8]."""
    ends = fields.get("cat_boundaries", np.zeros(1)).astype(np.int64)
    words = fields.get("cat_threshold", np.zeros(0)).astype(np.uint32)
    sets = np.zeros((len(ends) - 1, WORDS), np.uint32)
    for number, (start, end) in enumerate(pairwise(ends)):
        sets[number, : end - start] = words[start:end]
    return sets
