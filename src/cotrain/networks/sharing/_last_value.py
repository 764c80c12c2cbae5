"""A value of the last forward pass that a penalty needs after it."""

from __future__ import annotations

from typing import Self, final

import torch
from torch import Tensor


def exporting() -> bool:
    """Return whether `torch.export` is tracing, which must meet no side effects."""
    return torch.compiler.is_compiling() and not torch.compiler.is_dynamo_compiling()


@final
class LastValue:
    """Keeps one tensor; a copy starts empty, because tensors in the middle of a graph cannot be copied."""

    def __init__(self) -> None:
        self.value: Tensor = torch.zeros(())

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        return type(self)()

    def __reduce__(self) -> tuple[type[Self], tuple[()]]:
        return type(self), ()
