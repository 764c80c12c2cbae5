"""A plain feature matrix for models that are no networks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self, final

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from cotrain._base import InvalidArgumentError
from cotrain._base._inputs import BAG, CATEGORIES, CHARACTERS, OWN, PICTURE, SOUND
from cotrain._base._lazy import Lazy
from cotrain._base._mel import log_mels, mel_filters
from cotrain._base._ragged import Leaf, Leaves, Ragged

#: Samples of a frame, and bands, by which a sound is summed up.
_WINDOW, _BANDS = 256, 40
#: Rows and columns of a picture at most.
_SIDE = 16
#: Rows that are read at a time where not all fit in memory.
_AT_A_TIME = 64
#: Characters say what their words say, and what one task alone is given may be another's label.
_UNREAD = (CHARACTERS, OWN)


@final
class FeatureMatrix:
    """Turns a network's input tensors into one matrix [N, F] for trees, neighbours and the like.

    Numbers stay as they are; so does every other tensor, laid flat. A category keeps its code, counted from
    the least one that the training rows have: in the tensors the codes of all columns are packed behind one
    another, which is nothing that an estimator should learn from. A picture of more than 16 rows or columns
    is averaged down to 16 of either: trees over all pixels take minutes and see no shapes either. Of a sound
    there are the mean and the deviation over its frames of each of 40 log-mel energies. Pictures and sounds
    that do not fit in memory are read some at a time. Of the tokens of a tags, text or words column
    the most frequent ones of the training rows become a column of 0 and 1 each, and of other rows of
    different length there is the mean of their entries. What one task alone is given, such as the text that
    is to be said, is left out: it may be what another task has to find.

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

    def fit(self, inputs: Leaves) -> Self:
        """Find the least codes and the most frequent tokens of the training rows, and return self.

        Args:
            inputs: name -> [N, ...], N ≥ 1.
        """
        self._tokens = {}
        categorical: list[bool] = []
        for name, tensor in inputs.items():
            if name.startswith(_UNREAD):
                continue
            first = tensor[:1].decoded() if isinstance(tensor, Lazy) else tensor[:1]
            if name.startswith(BAG) or (isinstance(first, Ragged) and not first.is_floating_point()):
                self._tokens[name] = _most_frequent(_bag(tensor), self.n_tokens)
                width = len(self._tokens[name])
            else:
                width = _in_short(name, first).numel()
            if name == CATEGORIES:
                self._first_codes = tensor.numpy().min(axis=0)
            categorical += [name == CATEGORIES] * width
        self.categorical = np.array(categorical, dtype=bool)
        return self

    def transform(self, inputs: Leaves) -> np.ndarray:
        """Return the features of M rows, float64 [M, F].

        Args:
            inputs: the names that `fit` saw, in the same order. A category that training rows had no code as
                low as gets a negative one.
        """
        if not any(len(tensor) for tensor in inputs.values()):
            return np.zeros((0, len(self.categorical)))
        parts: list[np.ndarray] = []
        for name, tensor in inputs.items():
            if name.startswith(_UNREAD):
                continue
            if name in self._tokens:
                parts.append(_presence(_bag(tensor), self._tokens[name]))
                continue
            values = _in_short(name, tensor).numpy()
            if name == CATEGORIES:
                parts.append((values - self._first_codes).astype(np.float64))
            else:
                parts.append(values.reshape(len(values), -1).astype(np.float64))
        return np.concatenate(parts, axis=1)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return what `fit` found, as arrays by name."""
        found = {"categorical": self.categorical, "first_codes": self._first_codes.astype(np.int64)}
        return found | {f"tokens.{name}": tokens.astype(np.int64) for name, tokens in self._tokens.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray], n_tokens: int = 100) -> Self:
        """Make what `arrays` was made from.

        Args:
            arrays: from `arrays`.
            n_tokens: see `FeatureMatrix`.

        Raises:
            KeyError: an array is absent.
        """
        found = cls(n_tokens)
        found.categorical, found._first_codes = arrays["categorical"].astype(bool), arrays["first_codes"]
        beginning = "tokens."
        found._tokens = {
            name.removeprefix(beginning): tokens
            for name, tokens in arrays.items()
            if name.startswith(beginning)
        }
        return found


def _bag(tokens: Leaf) -> np.ndarray:
    """Return tokens [N, S], 0 = padding."""
    found = (tokens.padded() if isinstance(tokens, Ragged) else tokens).numpy()
    # Subwords stand beside their places.
    return found[..., 0] if found.ndim == 3 else found


def _in_short(name: str, rows: Leaf | Lazy) -> Tensor:
    """Return numbers that sum up each row, [N, ...]."""
    if isinstance(rows, Lazy):
        starts = range(0, len(rows), _AT_A_TIME)
        return torch.cat([_in_short(name, rows[start : start + _AT_A_TIME].decoded()) for start in starts])
    if isinstance(rows, Ragged):
        return _of_sounds(rows) if name.startswith(SOUND) else _means(rows)
    if name.startswith(PICTURE) and max(rows.shape[2:]) > _SIDE:
        size = (min(rows.shape[2], _SIDE), min(rows.shape[3], _SIDE))
        return torch.cat([adaptive_avg_pool2d(part.float(), size) for part in rows.split(_AT_A_TIME)])
    return rows


def _of_sounds(rows: Ragged) -> Tensor:
    """Return mean and deviation over the frames of each log-mel energy, [N, 80]; zeros without a frame."""
    # The bands are those of 16,000 samples a second; at another rate they lie elsewhere, and still in order.
    filters, taper = mel_filters(16_000, _WINDOW, _BANDS), torch.hann_window(_WINDOW)
    found = torch.zeros(len(rows), 2 * _BANDS)
    for place, row in enumerate(rows):
        if len(row):
            frames = log_mels(row, filters, taper, _WINDOW // 2)
            found[place] = torch.cat([frames.mean(dim=1), frames.std(dim=1, correction=0)])
    return found


def _means(rows: Ragged) -> Tensor:
    """Return the mean entry of each row, [N, ...]; 0 where it has none."""
    sums = rows.values.new_zeros(len(rows), *rows.values.shape[1:])
    sums.index_add_(0, rows.row_of_entry, rows.values)
    return sums / rows.lengths.clamp(min=1).view(-1, *[1] * (sums.dim() - 1))


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
