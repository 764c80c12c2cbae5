"""Memory for the K gradients of a step, kept for the next step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor


class BufferPool:
    """Arrays that live for one step, in memory that lives longer.

    A step makes K gradients per layer, megabytes each. The C library gives such memory back to the system at
    the end and gets it anew, page by page, at the next step, which took a quarter of a step. On
    accelerators PyTorch keeps memory itself, so nothing is kept here.
    """

    def __init__(self) -> None:
        self._held: list[Tensor] = []
        self._taken = 0
        self._scratch: dict[str, Tensor] = {}
        self._fresh: dict[int, Tensor] = {}
        self._gradients: dict[int, Tensor] = {}

    def start(self) -> None:
        """Begin a step: what was taken in the step before may be written over."""
        self._taken = 0
        self._fresh.clear()

    def take(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return an array, not initialised, that nobody else uses in this step."""
        if like.device.type != "cpu":
            return like.new_empty(shape)
        if self._taken == len(self._held):
            self._held.append(like.new_empty(0))
        self._held[self._taken], array = _room(self._held[self._taken], shape, like)
        self._taken += 1
        return array

    def scratch(self, name: str, shape: Sequence[int], like: Tensor) -> Tensor:
        """Return an array, not initialised, until the next call with this name."""
        if like.device.type != "cpu":
            return like.new_empty(shape)
        held = self._scratch.get(name)
        self._scratch[name], array = _room(like.new_empty(0) if held is None else held, shape, like)
        return array

    def gradient(self, parameter: Tensor) -> Tensor:
        """Return an array, not initialised, for what is going to be the parameter's gradient or added to it.

        It is that of the step before, unless somebody still holds that gradient or a view of it.
        """
        if parameter.device.type != "cpu" or not parameter.is_contiguous():
            return torch.empty_like(parameter, requires_grad=False)
        if parameter.grad is not None:
            return self.scratch("gradient", parameter.shape, parameter.detach())
        held = self._gradients.get(id(parameter))
        if held is None or held.shape != parameter.shape or held.dtype != parameter.dtype or _shared(held):
            held = self._gradients[id(parameter)] = torch.empty_like(parameter, requires_grad=False)
        return held

    def own(self, array: Tensor) -> Tensor:
        """Note that one consumer alone will read this array, so that it may write over it."""
        self._fresh[id(array)] = array
        return array

    def owned(self, array: Tensor) -> bool:
        """Return whether the array may be written over."""
        return id(array) in self._fresh

    def release(self, array: Tensor | None) -> None:
        """Note that the array is going to be used in a way that lets others see it."""
        self._fresh.pop(id(array), None)


#: How many look at a storage; builds of PyTorch for the CPU have not always had it.
_USE_COUNT: Callable[[int], int] | None = getattr(torch._C, "_storage_Use_Count", None)


def _uses(array: Tensor) -> int | None:
    return None if _USE_COUNT is None else _USE_COUNT(array.untyped_storage()._cdata)


#: What it says of an array that nobody else looks at; `None`: it cannot say.
_ALONE = _uses(torch.empty(1))


def _shared(array: Tensor) -> bool:
    """Return whether another tensor looks at this memory, as far as one can tell."""
    return _ALONE is None or _uses(array) != _ALONE


def _room(held: Tensor, shape: Sequence[int], like: Tensor) -> tuple[Tensor, Tensor]:
    size = math.prod(shape)
    if held.numel() < size or held.dtype != like.dtype or held.device != like.device:
        held = torch.empty(size, dtype=like.dtype, device=like.device)
    return held, held[:size].view(tuple(shape))
