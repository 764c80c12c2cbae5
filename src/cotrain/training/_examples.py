"""Rows as tensors that were built once."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch
from torch import Tensor

from cotrain._base._lazy import Lazy
from cotrain._base._ragged import Leaves, labelled_rows
from cotrain.data.sources import RowSources


@final
@dataclass(frozen=True)
class Examples:
    """N rows of inputs, targets and label masks.

    Args:
        inputs: name -> tensor [N, ...], N ragged rows or N rows of files (`Lazy`), what the encoder reads.
        targets: task -> tensor [N, T, ...] or N ragged rows, coded; 0 where missing.
        masks: task -> the same shape; True (or a weight > 0) where there is a label.
        sources: which source each row comes from; `None`: there is one.
        units: [N] int64, equal for rows that belong together, such as the visits of a patient; −1: the row
            stands for itself, and so do all with `None`.

    Example:
        >>> mask = torch.tensor([[True], [False], [True]])
        >>> rows = Examples({"numbers": torch.zeros(3, 2)}, {"sold": torch.zeros(3, 1)}, {"sold": mask})
        >>> len(rows), rows.labelled().flatten().tolist(), len(rows.take(torch.tensor([0])))
        (3, [True, False, True], 1)
    """

    inputs: Leaves
    targets: Leaves
    masks: Leaves
    sources: RowSources | None = None
    units: Tensor | None = None

    def __len__(self) -> int:
        return len(next(iter(self.inputs.values())))

    def take(self, rows: Tensor) -> Examples:
        """Return these rows, in this order."""
        sources = None if self.sources is None else self.sources.take(rows)
        units = None if self.units is None else self.units[rows]
        parts = (_take(part, rows) for part in (self.inputs, self.targets, self.masks))
        return Examples(*parts, sources, units)

    def to(self, device: torch.device) -> Examples:
        """Return the same rows on another device."""
        parts = (self.inputs, self.targets, self.masks)
        moved = ({name: tensor.to(device) for name, tensor in part.items()} for part in parts)
        return Examples(*moved, self.sources, self.units)

    def parts(self) -> dict[str, Leaves]:
        """Return inputs, targets and masks as one nested dict."""
        return {"inputs": self.inputs, "targets": self.targets, "masks": self.masks}

    def labelled(self) -> Tensor:
        """Return [N, K] bool: whether a row has any label of a task."""
        return torch.stack([labelled_rows(mask) for mask in self.masks.values()], dim=1)

    def fingerprint(self) -> str:
        """Return a short hash of all values, to tell whether a resumed run sees the same data."""
        digest = hashlib.blake2b(digest_size=16)
        for part in (self.inputs, self.targets, self.masks):
            for name, leaf in part.items():
                if isinstance(leaf, Lazy):
                    digest.update(f"{name}{len(leaf)}".encode() + b"|".join(leaf.keys()))
                    continue
                for tensor in (leaf,) if isinstance(leaf, Tensor) else (leaf.offsets, leaf.values):
                    digest.update(f"{name}{tuple(tensor.shape)}{tensor.dtype}".encode())
                    digest.update(np.ascontiguousarray(tensor.cpu().numpy()).data)
        if self.sources is not None:
            digest.update(f"{self.sources.names}".encode())
            digest.update(self.sources.numbers.numpy().data)
        return digest.hexdigest()


def _take(leaves: Leaves, rows: Tensor) -> dict[str, Any]:
    return {name: leaf.index_select(0, rows) for name, leaf in leaves.items()}
