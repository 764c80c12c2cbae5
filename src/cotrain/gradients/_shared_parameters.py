"""The shared parameters as one vector of P numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError


class SharedParameters:
    """The parameters on which the tasks' gradients are compared, in a fixed order.

    Args:
        parameters: parameters or tensors; the frozen ones are left out at every step, so that freezing and
            unfreezing during training works. There may be none: then nothing is shared.

    Raises:
        InvalidArgumentError: if one is no tensor, or an iterator has nothing (left) to give.
    """

    def __init__(self, parameters: Iterable[Tensor]) -> None:
        self.all: list[Tensor] = []
        seen: set[int] = set()
        for parameter in parameters:
            if not isinstance(parameter, Tensor):
                raise InvalidArgumentError(
                    f"shared_parameters must hold parameters, got {parameter!r}: pass "
                    "model.shared_parameters() or module.parameters()."
                )
            if id(parameter) not in seen:  # tied weights count once
                seen.add(id(parameter))
                self.all.append(parameter)
        if not self.all and isinstance(parameters, Iterator):
            raise InvalidArgumentError(
                "shared_parameters is an iterator with nothing left (it can be read only once): pass the "
                "parameters that several tasks use, or an empty list if they share none."
            )
        self.ids = frozenset(seen)

    def trainable(self) -> list[Tensor]:
        """Return those that are not frozen now."""
        return [parameter for parameter in self.all if parameter.requires_grad]


def flat_dtype(parameters: Sequence[Tensor]) -> torch.dtype:
    """Return the type of a row of the Jacobian: float32 at least, whatever the parameters' own is."""
    dtype = torch.float32
    for parameter in parameters:
        dtype = torch.promote_types(dtype, parameter.dtype)
    return dtype


def fill_row(row_P: Tensor, grads: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> None:
    """Write gradients into one row of a Jacobian, 0 where a parameter was not reached."""
    if grads and all(
        type(g) is Tensor and g.dtype == row_P.dtype and g.layout == torch.strided for g in grads
    ):
        # One call for all: with small layers a copy for each took longer than the numbers.
        torch.cat([grad.reshape(-1) for grad in grads if grad is not None], out=row_P)
        return
    start = 0
    for grad, parameter in zip(grads, parameters, strict=True):
        part = row_P[start : start + parameter.numel()].view(parameter.shape)
        if grad is None:
            part.zero_()
        else:
            part.copy_(grad)
        start += parameter.numel()


def add_flat(parameters: Sequence[Tensor], update_P: Tensor, reached: Sequence[bool]) -> None:
    """Add one vector of P numbers to the gradients of those parameters that a loss has reached."""
    start = 0
    for parameter, seen in zip(parameters, reached, strict=True):
        if seen:
            add_grad(parameter, update_P[start : start + parameter.numel()].view(parameter.shape))
        start += parameter.numel()


def add_grad(parameter: Tensor, grad: Tensor) -> None:
    """Add to one parameter's gradient, in the parameter's own type."""
    grad = grad.detach()
    if parameter.grad is None:
        parameter.grad = grad.to(parameter.dtype)
    else:
        parameter.grad.add_(grad.to(parameter.grad.dtype))


def own_leaves(leaves: Iterable[Tensor], shared_ids: frozenset[int]) -> list[Tensor]:
    """Return the leaves that are not shared parameters: heads and whatever else one task trains."""
    found: dict[int, Tensor] = {}
    for leaf in leaves:
        if id(leaf) not in shared_ids:
            found[id(leaf)] = leaf
    return list(found.values())
