"""Boosted trees of one task: what they are told of rows, and what they answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self, final

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError
from cotrain.evaluation._term_model import TermModel, probabilities_of
from cotrain.evaluation._tree_ensemble import TreeEnsemble
from cotrain.tasks import Task
from cotrain.tasks.table._quantiles import scores_of_quantiles

#: Most values of a categorical column that the trees take; rarer ones fall together.
MAX_CATEGORIES = 255


@final
@dataclass(frozen=True, eq=False)
class TreeRows:
    """What trees are told of some rows.

    Args:
        features: [N, F] float, NaN where missing; a categorical column holds codes ≥ 0.
        targets: [N, T] in the coding of `Task.encode`; `None` where only scores are wanted.
        mask: [N, T], True where labelled, or weights ≥ 0 of the rows.
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
            raise InvalidArgumentError("fit_trees needs the targets and mask of its training rows.")
        return task.original(self.targets).double().cpu().numpy(), (self.mask > 0).cpu().numpy()

    @property
    def weights(self) -> np.ndarray | None:
        """How much each row counts for each target, float64 [N, T]; `None`: all alike."""
        if self.mask is None or self.mask.dtype == torch.bool:
            return None
        return self.mask.double().cpu().numpy()

    def with_kept(self, kept: Mapping[int, np.ndarray]) -> TreeRows:
        """Return these rows with the categories of each column as their places among those that are kept.

        Rare and unknown ones share the next place.
        """
        features = self.features.astype(np.float64)
        for f, codes in kept.items():
            column = features[:, f]
            place = np.clip(np.searchsorted(codes, column), 0, max(0, len(codes) - 1))
            found = codes[place] == column if len(codes) else np.zeros(len(column), bool)
            features[:, f] = np.where(np.isnan(column), np.nan, np.where(found, place, len(codes)))
        return replace(self, features=features)


@final
@dataclass(frozen=True, eq=False)
class TargetTrees:
    """The trees of one target.

    Args:
        ensembles: the trees, one ensemble, or one for each level of quantiles; none where the target has but
            one class.
        classes: [C'], those that the training rows had; `None` for numbers.
        terms: what words say; `None`: there are none.
        levels: of the quantiles.
    """

    ensembles: Sequence[TreeEnsemble]
    classes: np.ndarray | None
    terms: TermModel | None
    levels: Sequence[float] = ()

    def scores(self, rows: TreeRows, task: Task) -> np.ndarray:
        """Return values [M, 1], quantiles [M, 1, Q, 2], or the scores of a target with classes."""
        features = rows.features
        if self.terms is not None:
            features = np.hstack([features, self.terms.scores(rows.terms)])
        raw = [ensemble.raw(features) for ensemble in self.ensembles]
        if self.levels:
            values = torch.from_numpy(np.stack(raw, axis=2))
            return scores_of_quantiles(values, self.levels).numpy()
        if self.classes is None:
            return raw[0]
        probabilities = np.zeros((len(features), task.n_classes))
        probabilities[:, self.classes] = probabilities_of(raw[0]) if raw else 1.0
        return task.target_kind.scores(probabilities[:, None])


@final
@dataclass(frozen=True, eq=False)
class BoostedTrees:
    """Trees that were fitted to one task, see `fit_trees`: plain arrays, which a file can hold.

    Args:
        kept: column of categories -> the codes that count, in rising order; all others are one more.
        targets: the trees of every target.
        n_features: F, the columns that rows must have.

    Example:
        >>> import polars as pl
        >>> from cotrain.evaluation import fit_trees
        >>> from cotrain.tasks import Binary
        >>> task, frame = Binary("y"), pl.DataFrame({"y": [0, 1] * 50})
        >>> task.fit(frame)
        >>> rows = TreeRows(np.arange(100.0)[:, None] % 2, *task.encode(frame))
        >>> trees = fit_trees(task, rows, max_iter=9)
        >>> again = BoostedTrees.from_arrays(trees.arrays())
        >>> bool((again.scores(task, rows) == trees.scores(task, rows)).all())
        True
    """

    kept: Mapping[int, np.ndarray]
    targets: Sequence[TargetTrees]
    n_features: int

    def scores(self, task: Task, rows: TreeRows) -> np.ndarray:
        """Return the scores of M rows, float64 [M, ...] in the unit of `Task.scores`.

        Args:
            task: the one that they were fitted to.
            rows: their features, and terms if the training rows had any.

        Raises:
            InvalidArgumentError: the rows have other columns.
        """
        if rows.features.ndim != 2 or rows.features.shape[1] != self.n_features:
            raise InvalidArgumentError(
                f"BoostedTrees: the features have shape {rows.features.shape}, expected "
                f"[M, {self.n_features}] as those of the training rows."
            )
        rows = rows.with_kept(self.kept)
        return np.concatenate([target.scores(rows, task) for target in self.targets], axis=1)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return everything as arrays, by name."""
        found = {"size": np.array([self.n_features, len(self.targets)], np.int32)}
        found |= {f"kept.{column}": codes for column, codes in self.kept.items()}
        for number, target in enumerate(self.targets):
            parts: dict[str, np.ndarray] = {}
            if target.classes is not None:
                parts["classes"] = target.classes.astype(np.int32)
            if target.levels:
                parts["levels"] = np.array(target.levels, np.float64)
            ensembles = {_place(i, target.levels): one for i, one in enumerate(target.ensembles)}
            for name, part in ({"terms": target.terms} | ensembles).items():
                parts |= {} if part is None else {f"{name}.{key}": a for key, a in part.arrays().items()}
            found |= {f"target.{number}.{name}": array for name, array in parts.items()}
        return {name: np.ascontiguousarray(array) for name, array in found.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> Self:
        """Make what `arrays` was made from.

        Raises:
            KeyError: an array is absent.
            ValueError: the arrays do not go together.
        """
        n_features, n_targets = (int(number) for number in arrays["size"])
        kept = {int(name): codes for name, codes in _below(arrays, "kept.").items()}
        targets = []
        for number in range(n_targets):
            own = _below(arrays, f"target.{number}.")
            levels, terms = own.get("levels", np.zeros(0)).tolist(), _below(own, "terms.")
            trees = [_below(own, f"{_place(i, levels)}.") for i in range(max(1, len(levels)))]
            target = TargetTrees(
                [TreeEnsemble.from_arrays(one) for one in trees if one],
                own.get("classes"),
                TermModel.from_arrays(terms) if terms else None,
                levels,
            )
            if any(one.n_features > n_features + _n_said(target.terms) for one in target.ensembles):
                raise ValueError("trees ask for columns that there are not")
            if len(target.ensembles) < len(trees) and (target.classes is None or levels):
                raise ValueError("a target has no trees")
            targets.append(target)
        if any(not 0 <= column < n_features for column in kept):
            raise ValueError("there are categories of a column that there is not")
        return cls(kept, targets, n_features)


def kept_categories(features: np.ndarray, categorical: np.ndarray) -> dict[int, np.ndarray]:
    """Return for each column of categories the most frequent codes, in rising order.

    Args:
        features: [N, F].
        categorical: bool [F].
    """
    kept = {}
    for f in np.flatnonzero(categorical).tolist():
        column = features[:, f].astype(np.float64)
        values, counts = np.unique(column[~np.isnan(column)], return_counts=True)
        kept[f] = np.sort(values[np.argsort(-counts, kind="stable")][: MAX_CATEGORIES - 1])
    return kept


def _below(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    """Return the arrays whose names begin so, by the rest of their names."""
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _place(level: int, levels: Sequence[float]) -> str:
    """Return the name of an ensemble: there is one, or one for each level."""
    return f"trees{level}" if levels else "trees"


def _n_said(terms: TermModel | None) -> int:
    """Return the number of columns that words come in as."""
    if terms is None:
        return 0
    return 1 if len(terms.classes) in (0, 2) else len(terms.classes)
