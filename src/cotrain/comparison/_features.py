"""A plain feature matrix for models that are no networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self, final

import numpy as np
from torch import Tensor

from cotrain.data import Schema


@final
class FeatureMatrix:
    """Turns a network's input tensors into a matrix [N, F] for trees.

    Numbers stay as they are (their bins, which help networks only, are left out), categories keep their
    codes, and of tags and words the most frequent ones become 0/1 columns.

    Args:
        schema: of the table.
        n_tokens: 0/1 columns per tags or text column at most, ≥ 0.
    """

    def __init__(self, schema: Schema, n_tokens: int = 16) -> None:
        self.n_tokens = n_tokens
        self.bags = dict(schema.spec().bags)
        sizes = schema.spec().cardinalities
        starts = np.cumsum([0, *sizes])[:-1]
        is_bin = [column.n_numbers > 0 for column in schema.columns for _ in column.cardinalities]
        #: Place and first code of the columns that are categories in the table.
        self.categories = [(i, int(starts[i])) for i in range(len(sizes)) if not is_bin[i]]
        self._tokens: dict[str, np.ndarray] = {}

    def fit(self, inputs: Mapping[str, Tensor]) -> Self:
        """Find the most frequent tokens of the training rows and return self."""
        for key, n_tokens in self.bags.items():
            counts = np.zeros(n_tokens, dtype=np.int64)
            for column in inputs[key].numpy().T:
                counts += np.bincount(column, minlength=n_tokens)
            counts[0] = 0  # padding
            top = np.argsort(-counts, kind="stable")[: self.n_tokens]
            self._tokens[key] = top[counts[top] > 0]
        return self

    def transform(self, inputs: Mapping[str, Tensor]) -> tuple[np.ndarray, np.ndarray]:
        """Return the features [N, F], and which of the F columns are codes of categories."""
        parts: list[np.ndarray] = []
        categorical: list[bool] = []
        if "numbers" in inputs:
            parts.append(inputs["numbers"].numpy().astype(np.float64))
            categorical += [False] * parts[0].shape[1]
        for place, first in self.categories:
            parts.append((inputs["categories"][:, place : place + 1].numpy() - first).astype(np.float64))
            categorical.append(True)
        for key, tokens in self._tokens.items():
            parts.append(_presence(inputs[key].numpy(), tokens, self.bags[key]))
            categorical += [False] * len(tokens)
        return np.concatenate(parts, axis=1), np.array(categorical)


def _presence(bag: np.ndarray, tokens: np.ndarray, n_tokens: int) -> np.ndarray:
    """Return [N, number of tokens]: 1 where the row has the token."""
    place = np.full(n_tokens, -1)
    place[tokens] = np.arange(len(tokens))
    present = np.zeros((len(bag), len(tokens)))
    for column in bag.T:
        found = place[column]
        rows = np.flatnonzero(found >= 0)
        present[rows, found[rows]] = 1.0
    return present
