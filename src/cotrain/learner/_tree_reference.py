"""Boosted trees beside a network: what they are told of its rows, and one fit for each task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Self, final

import numpy as np

from cotrain.data import FeatureMatrix, TermMatrix, TypedTable
from cotrain.evaluation import BoostedTrees, TreeRows, fit_trees
from cotrain.evaluation._tree_library import TreeLibraryName
from cotrain.learner._preprocessing import Preprocessor
from cotrain.tasks import Task
from cotrain.training import Examples

#: Tokens per tags or text column, beside what a linear model of all of them says. On the film table 16 are
#: worth having (R² of `meter` .31 without, .37 with them); 100 take five times as long and are worth little.
TREE_TOKENS = 16
#: The learning rate that trees have where nothing is searched.
TREE_LEARNING_RATE = 0.05


@final
class TreeInputs:
    """What trees are told of rows: numbers, codes of categories, frequent tokens, and all terms of words.

    Args:
        preprocessor: of the network's inputs, fitted.
        matrix: the features.
        terms: the words.
    """

    def __init__(self, preprocessor: Preprocessor, matrix: FeatureMatrix, terms: TermMatrix | None) -> None:
        self.preprocessor, self.matrix, self.terms = preprocessor, matrix, terms

    @classmethod
    def fit(cls, preprocessor: Preprocessor, table: TypedTable, rows: Examples) -> Self:
        """Learn from the training rows, as a table and coded."""
        schema = preprocessor.schema
        terms = None if schema is None else TermMatrix(schema).fit(table.frame)
        return cls(preprocessor, FeatureMatrix(TREE_TOKENS).fit(rows.inputs), terms)

    def rows(self, table: TypedTable, rows: Examples | None = None) -> TreeRows:
        """Return what trees are told of a table's rows, which may be coded already."""
        inputs = self.preprocessor.inputs(table) if rows is None else rows.inputs
        terms = None if self.terms is None else self.terms.transform(table.frame)
        return TreeRows(self.matrix.transform(inputs), terms=terms)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what was learned, as arrays by name."""
        found = {f"matrix.{name}": array for name, array in self.matrix.arrays().items()}
        terms = {} if self.terms is None else self.terms.arrays()
        return found | {f"terms.{name}": array for name, array in terms.items()}

    @classmethod
    def from_arrays(cls, preprocessor: Preprocessor, arrays: Mapping[str, np.ndarray]) -> Self:
        """Make what `arrays` was made from.

        Raises:
            KeyError: an array is absent.
            ValueError: the arrays do not go together.
        """
        parts = {
            part: {
                name.removeprefix(f"{part}."): array
                for name, array in arrays.items()
                if name.startswith(f"{part}.")
            }
            for part in ("matrix", "terms")
        }
        schema = preprocessor.schema
        terms = None if schema is None else TermMatrix.from_arrays(schema, parts["terms"])
        return cls(preprocessor, FeatureMatrix.from_arrays(parts["matrix"], TREE_TOKENS), terms)


@final
class TreeReference:
    """Boosted trees that have read the training rows, ready to be fitted to any task.

    They see the numbers, the codes of categories, the most frequent tokens, and what a linear model of all
    words, pairs of words and tags says of the target, out of fold.

    Args:
        preprocessor: of inputs and tasks, fitted to the training rows.
        train: the training rows.
        validation: the rows that boosting stops by; `None`: there are none.
        seed: of folds and splits.
        library: whose trees, see `fit_trees`.
        fitted: task -> trees that were fitted to the same rows elsewhere, by the same seed and library.
    """

    def __init__(
        self,
        preprocessor: Preprocessor,
        train: TypedTable,
        validation: TypedTable | None,
        *,
        seed: int = 0,
        library: TreeLibraryName = "scikit-learn",
        fitted: Mapping[str, BoostedTrees] | None = None,
    ) -> None:
        self.preprocessor, self.seed, self.library = preprocessor, seed, library
        self._train = preprocessor.examples(train)
        self.inputs = TreeInputs.fit(preprocessor, train, self._train)
        self._of_train = self.inputs.rows(train, self._train)
        held = None if validation is None or not validation.height else validation
        self._held = None if held is None else preprocessor.examples(held)
        self._of_held = None if held is None else self.inputs.rows(held, self._held)
        self._fitted: dict[tuple[str, float], BoostedTrees] = {
            (name, TREE_LEARNING_RATE): trees for name, trees in (fitted or {}).items()
        }
        self._latest: tuple[TypedTable, TreeRows] | None = None

    def fit(self, task: Task, learning_rate: float = TREE_LEARNING_RATE) -> BoostedTrees:
        """Return the trees of one fitted task; a task is fitted once."""
        if (task.name, learning_rate) not in self._fitted:
            self._fitted[task.name, learning_rate] = fit_trees(
                task,
                _with_truth(self._of_train, task, self._train),
                None if self._of_held is None else _with_truth(self._of_held, task, self._held),
                categorical=self.inputs.matrix.categorical,
                max_iter=tree_rounds(task),
                learning_rate=learning_rate,
                seed=self.seed,
                library=self.library,
            )
        return self._fitted[task.name, learning_rate]

    def scores(
        self, task: Task, table: TypedTable, *, learning_rate: float = TREE_LEARNING_RATE
    ) -> np.ndarray:
        """Fit the trees to one fitted task and return their scores of a table, [M, ...]."""
        if self._latest is None or self._latest[0] is not table:
            # One task is asked after the other, and coding a table takes longer than walking the trees.
            self._latest = table, self.inputs.rows(table)
        return self.fit(task, learning_rate).scores(task, self._latest[1])


def _with_truth(rows: TreeRows, task: Task, of: Examples | None) -> TreeRows:
    """Return the rows with their labels of one task."""
    assert of is not None
    return replace(rows, targets=of.targets[task.name], mask=of.masks[task.name])


def tree_rounds(task: Task) -> int:
    """Return the boosting rounds that a task's trees get at most.

    A model is fitted per label: with many of them fewer rounds each, or the trees would outlast all networks.
    """
    return 2000 if len(task.labels) <= 8 else 100
