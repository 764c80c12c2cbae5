"""A plain feature matrix for models that are no networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self, final

import numpy as np
from torch import Tensor

from cotrain._base import InvalidArgumentError

#: A tags or text column, and the categories, in what `Schema.encode` gives.
_BAG, _CATEGORIES = "bag:", "categories"


@final
class FeatureMatrix:
    """Turns a network's input tensors into one matrix [N, F] for trees, neighbours and the like.

    Numbers stay as they are; so does every other tensor, laid flat. A category keeps its code, counted from
    the least one that the training rows have: in the tensors the codes of all columns are packed behind one
    another, which is nothing that an estimator should learn from. Of the tokens of a tags or text column the
    most frequent ones of the training rows become a column of 0 and 1 each.

    Args:
        n_tokens: columns per tags or text column at most, ≥ 0. Trees over all of tens of thousands of tokens
            would take minutes and gigabytes.

    Raises:
        InvalidArgumentError: `n_tokens` is negative.

    Example:
        >>> import torch
        >>> inputs = {"categories": torch.tensor([[7], [5]]), "bag:title": torch.tensor([[3, 0], [3, 9]])}
        >>> matrix = FeatureMatrix(n_tokens=1).fit(inputs)
        >>> matrix.transform(inputs).tolist(), matrix.categorical.tolist()
        ([[2.0, 1.0], [0.0, 1.0]], [True, False])
    """

    def __init__(self, n_tokens: int = 100) -> None:
        if n_tokens < 0:
            raise InvalidArgumentError(
                f"FeatureMatrix(n_tokens={n_tokens!r}): expected a whole number of at least 0."
            )
        self.n_tokens = n_tokens
        #: Which of the F columns hold codes of categories, bool [F]. Known after `fit`.
        self.categorical = np.zeros(0, dtype=bool)
        self._first_codes = np.zeros(0, dtype=np.int64)
        self._tokens: dict[str, np.ndarray] = {}

    def fit(self, inputs: Mapping[str, Tensor]) -> Self:
        """Find the least codes and the most frequent tokens of the training rows, and return self.

        Args:
            inputs: name -> [N, ...], N ≥ 1.
        """
        self._tokens = {}
        categorical: list[bool] = []
        for name, tensor in inputs.items():
            if name.startswith(_BAG):
                self._tokens[name] = _most_frequent(tensor.numpy(), self.n_tokens)
                width = len(self._tokens[name])
            else:
                width = tensor[:1].numel()
            if name == _CATEGORIES:
                self._first_codes = tensor.numpy().min(axis=0)
            categorical += [name == _CATEGORIES] * width
        self.categorical = np.array(categorical, dtype=bool)
        return self

    def transform(self, inputs: Mapping[str, Tensor]) -> np.ndarray:
        """Return the features of M rows, float64 [M, F].

        Args:
            inputs: the names that `fit` saw, in the same order. A category that training rows had no code as
                low as gets a negative one.
        """
        parts: list[np.ndarray] = []
        for name, tensor in inputs.items():
            values = tensor.numpy()
            if name in self._tokens:
                parts.append(_presence(values, self._tokens[name]))
            elif name == _CATEGORIES:
                parts.append((values - self._first_codes).astype(np.float64))
            else:
                parts.append(values.reshape(len(values), -1).astype(np.float64))
        return np.concatenate(parts, axis=1)


def _most_frequent(bag: np.ndarray, most: int) -> np.ndarray:
    """Return the most frequent tokens of a bag [N, S] in rising order; 0 is padding."""
    counts = np.bincount(bag.ravel(), minlength=1)
    counts[0] = 0
    top = np.argsort(-counts, kind="stable")[:most]
    return np.sort(top[counts[top] > 0])


def _presence(bag: np.ndarray, tokens: np.ndarray) -> np.ndarray:
    """Return [N, number of tokens]: 1 where the row has the token."""
    n_known = 1 + max(int(bag.max(initial=0)), int(tokens.max(initial=0)))
    place = np.full(n_known, -1)
    place[tokens] = np.arange(len(tokens))
    present = np.zeros((len(bag), len(tokens)))
    for column in bag.T:
        found = place[column]
        rows = np.flatnonzero(found >= 0)
        present[rows, found[rows]] = 1.0
    return present
