"""A part of the inputs that a peer is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, final

import torch
from torch import Tensor

from cotrain._base import numpy_generator
from cotrain._base._lazy import Lazy
from cotrain._base._ragged import Leaves, Ragged


@final
@dataclass(frozen=True)
class View:
    """Which columns of the input tensors a peer sees; the others are blank.

    Args:
        seen: name of a tensor -> bool of the shape of one row; a tensor that is absent is seen whole. Of
            ragged rows one bool: hidden ones are empty.
        blank: name of a tensor -> what stands in hidden places, of the shape of one row; default 0, which
            is the mean of a standardised number and the padding of a bag.

    Example:
        >>> view = View({"inputs": torch.tensor([True, False])})
        >>> view({"inputs": torch.ones(1, 2)})["inputs"].tolist()
        [[1.0, 0.0]]
    """

    seen: Mapping[str, Tensor]
    blank: Mapping[str, Tensor]

    def __init__(self, seen: Mapping[str, Tensor], blank: Mapping[str, Tensor] | None = None) -> None:
        object.__setattr__(self, "seen", dict(seen))
        object.__setattr__(self, "blank", dict(blank or {}))

    def __call__(self, inputs: Leaves) -> dict[str, Any]:
        """Return the inputs with the hidden places blank."""
        shown: dict[str, Any] = {}
        for name, tensor in inputs.items():
            seen = self.seen.get(name)
            if seen is None:
                shown[name] = tensor
            elif isinstance(tensor, Lazy):
                hidden = self.blank.get(name, torch.zeros((), dtype=torch.uint8))
                shown[name] = tensor if seen.all() else tensor.map(partial(_shown, seen, hidden))
            elif isinstance(tensor, Ragged):
                shown[name] = tensor if seen.all() else _emptied(tensor)
            else:
                blank = self.blank.get(name, torch.zeros((), dtype=tensor.dtype))
                shown[name] = torch.where(seen.to(tensor.device), tensor, blank.to(tensor.device))
        return shown


def random_views(shapes: Mapping[str, tuple[int, ...]], n_views: int, seed: int) -> list[View]:
    """Divide the columns of all tensors at random among views of about equal size.

    Args:
        shapes: name of a tensor -> shape of one row; a tensor of a single column goes to one view whole.
        n_views: how many, ≥ 2.
        seed: names the random stream.

    Example:
        >>> first, second = random_views({"numbers": (4,)}, 2, seed=0)
        >>> int(first.seen["numbers"].sum()), bool((first.seen["numbers"] ^ second.seen["numbers"]).all())
        (2, True)
    """
    generator = numpy_generator(seed, "random views")
    views: list[dict[str, Tensor]] = [{} for _ in range(n_views)]
    for name in sorted(shapes):
        size = int(torch.Size(shapes[name]).numel())
        owner = generator.permutation(size) % n_views
        for number, view in enumerate(views):
            view[name] = torch.from_numpy(owner == number).reshape(shapes[name])
    return [View(view) for view in views]


def _shown(seen: Tensor, hidden: Tensor, row: Tensor) -> Tensor:
    return torch.where(seen, row, hidden.to(row.dtype))


def _emptied(rows: Ragged) -> Ragged:
    return Ragged(rows.values[:0], torch.zeros_like(rows.offsets))
