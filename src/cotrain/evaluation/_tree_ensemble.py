"""Boosted trees as plain arrays, which can be kept in a file that executes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self, final

import numpy as np

#: Places (rows × trees) that are walked together: a few arrays of 8 MB.
PLACES_AT_A_TIME = 2**20


@final
@dataclass(frozen=True, eq=False)
class TreeEnsemble:
    """M rounds of K trees each, whose leaves are added up.

        raw[i, k] = baseline[k] + Σ_m value[leaf of row i in the tree (m, k)]

    A row goes left at a node where its feature is at most the threshold, or, of a category, where its bit is
    set; a missing one goes where those of the training rows went best. Sums are taken round by round, so that
    a row's value depends on no other row.

    Shapes: P nodes of all trees, F features, S nodes that ask for a category, C categories that are known.

    Args:
        baseline: float64 [K].
        roots: [M, K], the first node of each tree.
        feature: [P], the column that a node asks for.
        threshold: float64 [P]; NaN where there is none.
        left: [P]; a leaf is its own child.
        right: [P].
        missing_left: bool [P].
        value: float64 [P], of the leaves.
        bits: [P], the row of `bitsets` of a node that asks for a category; -1 for the others.
        bitsets: uint32 [S, 8], a bit for each of at most 256 categories.
        categorical: [number of such columns], their numbers.
        first_known: [number of such columns + 1], where their categories begin in `known`.
        known: float64 [C], the codes of each column in rising order; any other one is missing.

    Example:
        >>> from sklearn.ensemble import HistGradientBoostingRegressor
        >>> x = np.repeat(np.arange(4.0), 50)[:, None]
        >>> model = HistGradientBoostingRegressor(max_iter=7).fit(x, x[:, 0])
        >>> trees = TreeEnsemble.of_scikit_learn(model, n_rounds=7)
        >>> trees.roots.shape, bool((trees.raw(x)[:, 0] == model.predict(x)).all())
        ((7, 1), True)
    """

    baseline: np.ndarray
    roots: np.ndarray
    feature: np.ndarray
    threshold: np.ndarray
    left: np.ndarray
    right: np.ndarray
    missing_left: np.ndarray
    value: np.ndarray
    bits: np.ndarray
    bitsets: np.ndarray
    categorical: np.ndarray
    first_known: np.ndarray
    known: np.ndarray

    @classmethod
    def of_scikit_learn(cls, model: Any, n_rounds: int) -> Self:
        """Take the first rounds of a fitted `HistGradientBoosting` model.

        Args:
            model: fitted to arrays.
            n_rounds: M ≥ 1.
        """
        rounds = model._predictors[:n_rounds]
        trees = [tree for of_round in rounds for tree in of_round]
        sizes = np.array([len(tree.nodes) for tree in trees])
        first = np.concatenate([[0], np.cumsum(sizes)])
        nodes = np.concatenate([tree.nodes for tree in trees])
        offset = np.repeat(first[:-1], sizes)
        own = np.arange(len(nodes))
        leaf, asks = nodes["is_leaf"].astype(bool), nodes["is_categorical"].astype(bool)
        asks &= ~leaf
        n_bits = np.array([len(tree.raw_left_cat_bitsets) for tree in trees])
        first_bits = np.repeat(np.concatenate([[0], np.cumsum(n_bits)[:-1]]), sizes)
        columns, known = _categories(model)
        # Scikit-learn puts the columns of categories before the others.
        others = np.setdiff1d(np.arange(model.n_features_in_), columns)
        order = np.concatenate([columns, others]).astype(np.int32)
        bitsets = [tree.raw_left_cat_bitsets.reshape(-1, 8) for tree in trees]
        return cls(
            baseline=np.asarray(model._baseline_prediction, np.float64).reshape(-1).copy(),
            roots=first[:-1].reshape(len(rounds), -1).astype(np.int32),
            feature=np.where(leaf, 0, order[nodes["feature_idx"] * ~leaf]).astype(np.int32),
            threshold=np.where(leaf | asks, np.nan, nodes["num_threshold"]),
            left=np.where(leaf, own, nodes["left"] + offset).astype(np.int32),
            right=np.where(leaf, own, nodes["right"] + offset).astype(np.int32),
            missing_left=nodes["missing_go_to_left"].astype(bool) & ~leaf,
            value=nodes["value"].astype(np.float64),
            bits=np.where(asks, nodes["bitset_idx"] + first_bits, -1).astype(np.int32),
            bitsets=np.concatenate(bitsets).astype(np.uint32),
            categorical=columns.astype(np.int32),
            first_known=np.concatenate([[0], np.cumsum([len(one) for one in known])]).astype(np.int32),
            known=np.concatenate([np.zeros(0), *known]),
        )

    def raw(self, features: np.ndarray) -> np.ndarray:
        """Return the sums [N, K] of rows [N, F], float64."""
        coded, n_trees = self._coded(features), self.roots.shape[1]
        sums = np.tile(self.baseline, (len(features), 1))
        roots = self.roots.ravel()
        size = max(1, PLACES_AT_A_TIME // max(1, len(features)))
        for start in range(0, len(roots), size):
            part = roots[start : start + size]
            values = self.value[self._leaves(coded, part)]
            for place in range(len(part)):
                sums[:, (start + place) % n_trees] += values[:, place]
        return sums

    def arrays(self) -> dict[str, np.ndarray]:
        """Return all arrays by their names."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Make what `arrays` was made from.

        Raises:
            ValueError: the arrays are not of such trees, so that a walk would leave them or never end.
        """
        found = cls(**{field.name: arrays[field.name] for field in fields(cls)})
        n_nodes = len(found.feature)
        of_nodes = (found.threshold, found.left, found.right, found.missing_left, found.value, found.bits)
        own = np.arange(n_nodes)
        leaf = found.left == own
        # Children stand behind their parents, so that every walk ends.
        forward = (found.left > own) & (found.right > own) | leaf & (found.right == own)
        whole = all(len(array) == n_nodes for array in of_nodes) and bool(forward.all())
        inside = [
            (found.roots, 0, n_nodes),
            (found.left, 0, n_nodes),
            (found.right, 0, n_nodes),
            (found.bits, -1, len(found.bitsets)),
            (found.first_known, 0, len(found.known) + 1),
            (found.feature, 0, np.inf),
            (found.categorical, 0, np.inf),
        ]
        whole = whole and all(((low <= of) & (of < high)).all() for of, low, high in inside)
        shapes = found.roots.ndim == 2 and found.baseline.shape == found.roots.shape[1:]
        shapes = shapes and found.bitsets.shape[1:] == (8,)
        if not (whole and shapes and len(found.first_known) == len(found.categorical) + 1):
            raise ValueError("the arrays are not those of trees")
        return found

    @property
    def n_features(self) -> int:
        """The fewest columns that rows must have."""
        return 1 + int(max(self.feature.max(initial=-1), self.categorical.max(initial=-1)))

    def _coded(self, features: np.ndarray) -> np.ndarray:
        """Return the features with each category as its place among the known ones, NaN for any other."""
        coded = np.array(features, np.float64, order="C")
        for place, column in enumerate(self.categorical):
            known = self.known[self.first_known[place] : self.first_known[place + 1]]
            values = coded[:, column].copy()
            at = np.searchsorted(known, values).clip(max=max(0, len(known) - 1))
            found = known[at] == values if len(known) else np.zeros(len(values), bool)
            coded[:, column] = np.where(found, at, np.nan)
        return coded

    def _leaves(self, coded: np.ndarray, roots: np.ndarray) -> np.ndarray:
        """Return the leaf of every row in every tree, [N, number of roots]."""
        width, flat = coded.shape[1], coded.ravel()
        first = np.arange(len(coded))[:, None] * width
        nodes = np.tile(roots, (len(coded), 1))
        if not width:
            return nodes
        while True:
            x = flat.take(first + self.feature.take(nodes))
            left = x <= self.threshold.take(nodes)
            if len(self.bitsets):
                left |= self._in_bits(x, self.bits.take(nodes))
            left = np.where(np.isnan(x), self.missing_left.take(nodes), left)
            below = np.where(left, self.left.take(nodes), self.right.take(nodes))
            if np.array_equal(below, nodes):
                return nodes
            nodes = below

    def _in_bits(self, x: np.ndarray, bits: np.ndarray) -> np.ndarray:
        """Return whether the bit of each category is set, False at nodes that ask for none."""
        found = np.zeros(x.shape, bool)
        asked = (bits >= 0) & ~np.isnan(x)
        codes = x[asked].astype(np.int64)
        words = self.bitsets[bits[asked], codes // 32]
        found[asked] = (words >> (codes % 32).astype(np.uint32)) & 1
        return found


def _categories(model: Any) -> tuple[np.ndarray, list[np.ndarray]]:
    """Return the columns of categories of a scikit-learn model, and the codes that each has."""
    if model._preprocessor is None:
        return np.zeros(0, np.int64), []
    columns = np.flatnonzero(model.is_categorical_)
    encoder = model._preprocessor.named_transformers_["encoder"]
    if not len(columns):
        return columns, []
    known = [np.asarray(one, np.float64) for one in encoder.categories_]
    return columns, [one[~np.isnan(one)] for one in known]
