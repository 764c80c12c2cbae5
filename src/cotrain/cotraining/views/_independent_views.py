"""Views between which there is as little dependence as the columns allow."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError
from cotrain._base._inputs import BAG, CHARACTERS, FIRSTS, PIECES, WORDS
from cotrain._base._ragged import Leaf, Leaves, Ragged
from cotrain.cotraining.views._view import View

#: Rows that the rank correlations are measured on, taken evenly.
MOST_ROWS = 2000
#: What the keys of a column begin with that goes where the column of the other key goes.
_BESIDE = {CHARACTERS: WORDS, FIRSTS: PIECES}


def independent_views(inputs: Leaves, n_views: int = 2) -> list[View]:
    """Divide the columns among views so that columns that say the same stay together.

    The dependence of two columns is the absolute rank correlation |ρ|, and that of a division is the mean |ρ|
    over pairs of columns of different views. It is made small by spectral bisection (the second eigenvector
    of the Laplacian of |ρ| puts columns in order, the order is cut into parts of equal size), then by
    exchanging two columns as long as that lessens it. Equal inputs give equal views. Codes
    (int64) go by their rank; a bag stays whole, and so do rows of words, with their characters.

    Args:
        inputs: name -> tensor [N, ...] of the training rows; no label is looked at.
        n_views: how many, ≥ 2; their sizes differ by one column at most.

    Raises:
        InvalidArgumentError: there are fewer columns than views.

    Source: that co-training wants views that are independent given the class is Blum & Mitchell, "Combining
    Labeled and Unlabeled Data with Co-Training", 1998, https://doi.org/10.1145/279943.279962; the eigenvector
    is that of Fiedler, 1973; exchanging pairs is Kernighan & Lin, 1970,
    https://doi.org/10.1002/j.1538-7305.1970.tb01770.x.

    Example:
        >>> x = torch.randn(200, 2, generator=torch.Generator().manual_seed(0))
        >>> doubled = torch.cat([x, x], dim=1)
        >>> [view.seen["inputs"].tolist() for view in independent_views({"inputs": doubled})]
        [[True, False, True, False], [False, True, False, True]]
    """
    # The characters of a column's words go where its words go.
    names = sorted(name for name in inputs if not name.startswith(tuple(_BESIDE)))
    columns = [_columns(name, inputs[name]) for name in names]
    owner = divide(dependence_of(np.concatenate(columns, axis=1)), n_views)
    views: list[dict[str, Tensor]] = [{} for _ in range(n_views)]
    start = 0
    for name, part in zip(names, columns, strict=True):
        mine = owner[start : start + part.shape[1]]
        start += part.shape[1]
        whole = name.startswith(BAG) or isinstance(inputs[name], Ragged)
        for number, view in enumerate(views):
            view[name] = torch.from_numpy(mine == number).reshape(() if whole else inputs[name].shape[1:])
            for key, of in _BESIDE.items():
                if name.startswith(of):
                    view[key + name.removeprefix(of)] = view[name]
    return [View(view) for view in views]


def dependence_of(columns: np.ndarray) -> np.ndarray:
    """Return the absolute rank correlations [D, D] of columns [N, D]; 0 with a constant and with itself."""
    rows = np.linspace(0, len(columns) - 1, min(len(columns), MOST_ROWS)).round().astype(np.int64)
    ranks = np.stack([_ranks(columns[rows, d]) for d in range(columns.shape[1])], axis=1)
    ranks -= ranks.mean(axis=0)
    norms = np.linalg.norm(ranks, axis=0)
    ranks /= np.where(norms > 0, norms, 1.0)
    found = np.abs(ranks.T @ ranks)
    np.fill_diagonal(found, 0.0)
    return found


def divide(dependence: np.ndarray, n_parts: int) -> np.ndarray:
    """Return the part of each column, int64 [D]; the first column is in part 0.

    Args:
        dependence: [D, D] symmetric, ≥ 0, with a diagonal of 0.
        n_parts: number of parts, ≥ 2.

    Raises:
        InvalidArgumentError: there are fewer columns than parts.
    """
    n = len(dependence)
    if not 2 <= n_parts <= n:
        raise InvalidArgumentError(
            f"{n} columns cannot be divided into {n_parts} views: expected from 2 to {n} views."
        )
    laplacian = np.diag(dependence.sum(axis=1)) - dependence
    vector = np.linalg.eigh(laplacian)[1][:, 1]
    # The sign of an eigenvector is arbitrary, and its last digits are not the same on every machine.
    vector = np.round(vector * (1 if vector[np.abs(vector).argmax()] > 0 else -1), 6)
    owner = np.empty(n, dtype=np.int64)
    owner[np.argsort(vector, kind="stable")] = np.arange(n) * n_parts // n
    for _ in range(4 * n):
        if not _exchange(dependence, owner, n_parts):
            break
    renamed = {old: new for new, old in enumerate(dict.fromkeys(owner.tolist()))}
    return np.array([renamed[old] for old in owner.tolist()])


def _exchange(dependence: np.ndarray, owner: np.ndarray, n_parts: int) -> bool:
    """Exchange the two columns whose exchange keeps most dependence within the views; False: none does."""
    member = np.eye(n_parts)[owner]
    to_part = dependence @ member
    own = to_part[np.arange(len(owner)), owner]
    # gain[i, j]: what i and j have in common with each other's part, less what they have with their own.
    across = to_part[:, owner]
    gain = across + across.T - own[:, None] - own[None] - 2 * dependence
    gain[owner[:, None] == owner[None]] = 0.0
    i, j = np.unravel_index(np.argmax(np.round(gain, 9)), gain.shape)
    if gain[i, j] <= 1e-9:
        return False
    owner[i], owner[j] = owner[j], owner[i]
    return True


def _columns(name: str, tensor: Leaf) -> np.ndarray:
    if isinstance(tensor, Ragged):
        return tensor.lengths[:, None].double().numpy()
    if name.startswith(BAG):
        # Of a bag the number of tokens: what they say is not one-dimensional.
        return (tensor != 0).sum(dim=1, keepdim=True).double().numpy()
    return tensor.reshape(len(tensor), -1).double().numpy()


def _ranks(values: np.ndarray) -> np.ndarray:
    """Return mean ranks of equal values."""
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts + 1) / 2)[place]
