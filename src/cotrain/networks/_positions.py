"""Representations with positions: sequences [B, S, D] and maps [B, D, H, W] beside vectors [B, D].

Which positions a row has is said by a mask, bool [B, S], True where there is one, or by none where all rows
have all of them. It goes beside the representation from stage to stage, so that nothing is guessed from
values: a position whose vector is zero stays one, and what stands in the padding does not matter.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain._base import InvalidArgumentError
from cotrain._base._ragged import LENGTHS


class MaskedStage(nn.Module, ABC):
    """A stage that looks at the mask of the positions, or says what it becomes.

    Any other module may be a stage as well: it is called with the representation alone, and the positions
    stay as they are. The first stage reads the inputs, and its mask is made of them.

    Example:
        A stage that keeps every second position.

        >>> class Halved(MaskedStage):
        ...     def forward(self, hidden, mask=None):
        ...         return hidden[:, ::2]
        ...     def mask_after(self, before):
        ...         return None if before is None else before[:, ::2]
        >>> mask = torch.tensor([[True, True, True], [True, False, False]])
        >>> Halved().mask_after(mask).tolist()
        [[True, True], [True, False]]
    """

    #: Asked instead of the type, so that what wraps a module (checkpointing, compiling) does not hide it.
    reads_mask = True

    @abstractmethod
    def forward(self, hidden: Any, mask: Tensor | None = None) -> Tensor:
        """Return the representation after this stage.

        Args:
            hidden: the representation before it, or the inputs of the batch.
            mask: the positions before it, bool [B, S]; `None`: all, or there were none yet.
        """

    def mask_after(self, before: Any) -> Any:
        """Return the mask of the positions after this stage, bool [B, S]; `None`: all.

        Args:
            before: the inputs of the batch for the first stage, for the others the mask before it.
        """
        return before if isinstance(before, Tensor) else None

    def spans(self, inputs: Mapping[str, Tensor]) -> dict[str, slice]:
        """Return where among the positions each column of words stands; empty where they are of one thing.

        Args:
            inputs: of the batch, for a first stage that puts several of them into one sequence.
        """
        return {}


def mask_after(stage: nn.Module, before: Any) -> Any:
    """Return the mask after any stage; see `MaskedStage.mask_after`."""
    if getattr(stage, "reads_mask", False):
        masked: Any = stage
        return masked.mask_after(before)
    return before if isinstance(before, Tensor) else None


def run_stage(stage: nn.Module, hidden: Any, mask: Tensor | None) -> Tensor:
    """Return what a stage of any kind gives; see `MaskedStage.forward`."""
    return stage(hidden, mask) if getattr(stage, "reads_mask", False) else stage(hidden)


def walk(
    stages: Iterable[nn.Module], hidden: Any, before: Any = None
) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Give the representation and the mask after every stage.

    Args:
        stages: one after the other.
        hidden: the inputs of the batch, or a representation.
        before: its mask; not looked at where `hidden` is the inputs.
    """
    before = before if isinstance(hidden, Tensor) else hidden
    for stage in stages:
        hidden = run_stage(stage, hidden, before if isinstance(before, Tensor) else None)
        before = mask_after(stage, before)
        yield hidden, before


def run_stages(stages: Iterable[nn.Module], hidden: Any, before: Any = None) -> Any:
    """Return what the last stage gives; see `walk`. Nothing else is kept."""
    for hidden, _ in walk(stages, hidden, before):  # noqa: B007, B020
        pass
    return hidden


@final
class Chain(nn.Sequential):
    """Stages one after the other; with none it gives back what it got."""

    reads_mask = True

    def forward(self, input: Any, mask: Tensor | None = None, *, every: bool = False) -> Any:
        """Return what the last stage gives, or a list of what each gives; see `MaskedStage.forward`."""
        return [given for given, _ in walk(self, input, mask)] if every else run_stages(self, input, mask)

    def mask_after(self, before: Any) -> Any:
        """Return the mask after the last stage."""
        for stage in self:
            before = mask_after(stage, before)
        return before


def mask_of_input(inputs: Mapping[str, Tensor], key: str) -> Tensor | None:
    """Return which positions of the input `key` [B, S, ...] are no padding, bool [B, S].

    The lengths that stand beside it say so; without them a code of 0 is padding, and of other values all
    count.
    """
    values = inputs[key]
    lengths = inputs.get(f"{key}{LENGTHS}")
    if lengths is not None and values.dim() > 1:
        return torch.arange(values.shape[1], device=values.device) < lengths.unsqueeze(1)
    if values.dim() == 2 and not values.is_floating_point():
        return values != 0
    return None


def mean_over_positions(hidden: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return one vector a row, [B, D]: the mean over a map, or over the positions of a sequence.

    A row without any position gets zeros.
    """
    if hidden.dim() == 4:
        return hidden.mean(dim=(2, 3))
    if hidden.dim() == 3:
        if mask is None:
            return hidden.mean(dim=1)
        kept = _checked(mask, hidden).unsqueeze(-1)
        return hidden.where(kept, 0.0).sum(dim=1) / kept.sum(dim=1).clamp(min=1).to(hidden.dtype)
    return hidden


def _checked(mask: Tensor, hidden: Tensor) -> Tensor:
    if mask.shape[1] != hidden.shape[1]:
        raise InvalidArgumentError(
            f"The rows have {mask.shape[1]} positions, but the encoder gives {hidden.shape[1]}: let the "
            "stage that changes their number derive from cotrain.networks.MaskedStage, and say in mask_after "
            "which are left."
        )
    return mask


def fit_positions(hidden: Tensor, like: Tensor, mask: Tensor | None = None) -> Tensor:
    """Return `hidden` with the positions of `like`: pooled to its height and width, length, or to one vector.

    Args:
        hidden: what an earlier stage gave.
        like: what a later one gave, which may have fewer positions. A sequence's positions become those of a
            stage that strides over 2, 4, ... of them: each the mean over what it strides over.
        mask: of `hidden`.
    """
    if like.dim() == 2:
        return mean_over_positions(hidden, mask)
    if like.dim() == 4 and hidden.dim() == 4 and hidden.shape[2:] != like.shape[2:]:
        return functional.adaptive_avg_pool2d(hidden, (like.shape[2], like.shape[3]))
    if like.dim() == 3 and hidden.dim() == 3 and hidden.shape[1] != like.shape[1]:
        return _shortened(hidden, like.shape[1], mask)
    return hidden


def _shortened(hidden: Tensor, length: int, mask: Tensor | None) -> Tensor:
    """Return means [B, length, D] over windows whose size does not depend on how much padding there is."""
    window = 2 ** math.ceil(math.log2(hidden.shape[1] / length))
    kept = hidden.new_ones(hidden.shape[:2]) if mask is None else mask.to(hidden.dtype)
    missing = window * length - hidden.shape[1]
    sums = (
        functional.pad(hidden * kept.unsqueeze(-1), (0, 0, 0, missing)).unflatten(1, (length, window)).sum(2)
    )
    counts = functional.pad(kept, (0, missing)).unflatten(1, (length, window)).sum(2, keepdim=True)
    return sums / counts.clamp(min=1)


def compact_order(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return an order [B, S] of positions in which those that a row has come first, and the order back.

    A stage whose positions see their neighbours works in this order: what lies between two columns of words,
    or how much padding there is, must not count.
    """
    order = torch.argsort((~mask).to(torch.uint8), dim=1, stable=True)
    return order, torch.argsort(order, dim=1)


def reorder(hidden: Tensor, order: Tensor) -> Tensor:
    """Return a sequence [B, S, D] with its positions in the order [B, S]."""
    return hidden.gather(1, order.unsqueeze(-1).expand(-1, -1, hidden.shape[-1]))


class PositionwiseLinear(nn.Linear):
    """A linear layer over the width D of a representation of any shape (a 1×1 convolution for maps)."""

    def forward(self, input: Tensor) -> Tensor:
        """Map [B, D], [B, S, D] or [B, D, H, W]."""
        if input.dim() == 4:
            return super().forward(input.movedim(1, -1)).movedim(-1, 1)
        return super().forward(input)


def concatenate(parts: list[Tensor]) -> Tensor:
    """Concatenate representations of the same positions along their width."""
    return torch.cat(parts, dim=1 if parts[0].dim() == 4 else -1)
