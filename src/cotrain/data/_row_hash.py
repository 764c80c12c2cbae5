"""Which rows are the same, by what their inputs hold."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from cotrain._base._inputs import BAG
from cotrain._base._lazy import Lazy
from cotrain._base._ragged import Leaf, Leaves, Ragged


def row_keys(inputs: Leaves) -> list[str]:
    """Return a short hash of each row's inputs; equal inputs have equal ones, however far bags are padded.

    Args:
        inputs: name -> tensor [N] or [N, ...], N ragged rows or rows of files; names that begin
            with "bag:" hold tokens, 0 = padding.

    Example:
        >>> keys = row_keys({"x": torch.tensor([1.0, 2.0, 1.0])})
        >>> keys[0] == keys[2], keys[0] == keys[1]
        (True, False)
    """
    parts = [_bytes(name, tensor) for name, tensor in sorted(inputs.items())]
    rows = (b"|".join(row) for row in zip(*parts, strict=True))
    return [hashlib.blake2b(row, digest_size=12).hexdigest() for row in rows]


def rows_seen_in(inputs: Leaves, others: Leaves) -> Tensor:
    """Return which rows have exactly the inputs of a row of `others`, bool [N]."""
    known = set(row_keys(others))
    return torch.tensor([key in known for key in row_keys(inputs)], dtype=torch.bool)


def _bytes(name: str, tensor: Leaf | Lazy) -> list[bytes]:
    if isinstance(tensor, Lazy):
        return tensor.keys()
    if isinstance(tensor, Ragged):
        values, ends = tensor.values.cpu().contiguous().numpy(), tensor.offsets.tolist()
        return [values[start:end].tobytes() for start, end in pairwise(ends)]
    rows = tensor.reshape(len(tensor), -1).cpu().numpy()
    if name.startswith(BAG):
        # Bags are padded to the longest of their table: the padding says nothing.
        return [row[row != 0].tobytes() for row in rows]
    return [np.ascontiguousarray(row).tobytes() for row in rows]
