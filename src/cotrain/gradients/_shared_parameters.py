"""The shared parameters as one vector of P numbers."""

from __future__ import annotations

import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn import Parameter

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
    """Return the type of a row of the Jacobian: float32 at least, whatever the parameters' own is.

    A complex number is two real ones, so that an inner product of rows is the real part of Σ āb.
    """
    dtype = torch.float32
    for parameter in parameters:
        dtype = torch.promote_types(dtype, parameter.dtype.to_real())
    return dtype


def flat_width(parameters: Iterable[Tensor]) -> int:
    """Return the length of a row of the Jacobian."""
    return sum(_width(parameter) for parameter in parameters)


def _width(parameter: Tensor) -> int:
    return parameter.numel() * (2 if parameter.is_complex() else 1)


def flat_parts(row_P: Tensor, parameters: Iterable[Tensor]) -> Iterator[Tensor]:
    """Yield each parameter's part of a row, in its shape; that of a complex one has a last axis of 2."""
    start = 0
    for parameter in parameters:
        stop = start + _width(parameter)
        shape = (*parameter.shape, 2) if parameter.is_complex() else parameter.shape
        yield row_P[start:stop].view(shape)
        start = stop


def as_grad(part: Tensor, parameter: Tensor) -> Tensor:
    """Return a parameter's part of a row as its gradient."""
    return torch.complex(part[..., 0], part[..., 1]) if parameter.is_complex() else part


def fill_row(row_P: Tensor, grads: Sequence[Tensor | None], parameters: Sequence[Tensor]) -> None:
    """Write gradients into one row of a Jacobian, 0 where a parameter was not reached."""
    if grads and all(
        type(g) is Tensor and g.dtype == row_P.dtype and g.layout == torch.strided for g in grads
    ):
        # One call for all: with small layers a copy for each took longer than the numbers.
        torch.cat([grad.reshape(-1) for grad in grads if grad is not None], out=row_P)
        return
    for grad, part in zip(grads, flat_parts(row_P, parameters), strict=True):
        if grad is None:
            part.zero_()
        elif grad.layout != torch.strided:
            part.copy_(grad.to_dense())
        else:
            part.copy_(torch.view_as_real(grad.resolve_conj()) if grad.is_complex() else grad)


#: Whether a loss has reached a parameter; of a sparse gradient, the rows that it has reached.
Reached = bool | Tensor


def reached_by(grads: Sequence[Tensor | None], before: Sequence[Reached]) -> list[Reached]:
    """Add what one more loss has reached."""
    found: list[Reached] = []
    for grad, seen in zip(grads, before, strict=True):
        if grad is None or seen is True:
            found.append(seen)
        elif grad.layout == torch.strided or grad.sparse_dim() != 1:
            found.append(True)
        else:
            rows = grad.coalesce().indices()[0]
            found.append(rows if seen is False else torch.cat([seen, rows]).unique())
    return found


def sparse_rows(rows_N: Tensor, values_N: Tensor, parameter: Tensor) -> Tensor:
    """Return a sparse gradient of a table that has the given rows, each once, in ascending order."""
    return torch.sparse_coo_tensor(
        rows_N[None], values_N, parameter.shape, is_coalesced=True, check_invariants=False
    )


class GradWriter:
    """Adds to `.grad`, and tells those who wait for a parameter's gradient once it is whole.

    A hook of `register_post_accumulate_grad_hook` (an optimiser in the backward pass, a release of
    gradients) is called once a step, as a backward pass would, after the last addition.
    """

    def __init__(self) -> None:
        self._awaited: dict[int, Tensor] = {}

    def add(self, parameter: Tensor, grad: Tensor) -> None:
        """Add to one parameter's gradient."""
        add_grad(parameter, grad)
        if parameter._post_accumulate_grad_hooks:
            self._awaited[id(parameter)] = parameter

    def add_flat(self, parameters: Sequence[Tensor], update_P: Tensor, reached: Sequence[Reached]) -> None:
        """Add one vector of P numbers to the gradients of those parameters that a loss has reached.

        A parameter whose gradients are sparse gets a sparse one, for its optimiser takes no other.
        """
        for parameter, part, seen in zip(parameters, flat_parts(update_P, parameters), reached, strict=True):
            if seen is False:
                continue
            grad = as_grad(part, parameter)
            self.add(parameter, sparse_rows(seen, grad[seen], parameter) if torch.is_tensor(seen) else grad)

    @torch.no_grad()
    def finish(self) -> None:
        """Call the hooks of the parameters that were added to."""
        for parameter in self._awaited.values():
            for hook in list(parameter._post_accumulate_grad_hooks.values()):
                hook(parameter)
        self._awaited.clear()


@contextmanager
def grads_set_aside(parameters: Sequence[Tensor]) -> Generator[None]:
    """Let a block see no gradients of before; afterwards they are added to what it has left."""
    held = [parameter.grad for parameter in parameters]
    for parameter in parameters:
        parameter.grad = None
    try:
        yield
    finally:
        for parameter, before in zip(parameters, held, strict=True):
            if before is not None:
                parameter.grad = before if parameter.grad is None else before.add_(parameter.grad)


def show_overflow(leaves: Iterable[Tensor]) -> None:
    """Make gradients infinite: a `GradScaler` then skips the step of each optimiser and lowers its scale."""
    for leaf in leaves:
        leaf.grad = torch.full_like(leaf, math.inf)


def add_grad(parameter: Tensor, grad: Tensor) -> None:
    """Add to one parameter's gradient, in the parameter's own type."""
    grad = grad.detach()
    held = parameter.grad
    if held is None:
        parameter.grad = grad.to(parameter.dtype)
    elif held.layout != torch.strided and grad.layout == torch.strided:
        parameter.grad = grad.to(held.dtype) + held
    else:
        held.add_(grad.to(held.dtype))


#: Up to so many numbers a copy into one array is quicker than one call per array.
_FEW = 100_000


def all_finite_on_host(grads: Sequence[Tensor]) -> bool:
    """Return whether one look says that all entries are finite.

    `False` also where it cannot say: on an accelerator, where it would wait, and where a sum overflows.
    """
    if not grads or any(grad.device.type != "cpu" for grad in grads):
        return not grads
    grads = [local(grad) for grad in grads]
    dense = [grad if grad.layout == torch.strided else grad.coalesce().values() for grad in grads]
    dtype = dense[0].dtype
    if sum(grad.numel() for grad in dense) < _FEW and all(grad.dtype == dtype for grad in dense):
        return is_finite(
            wide_sum(dense[0] if len(dense) == 1 else torch._utils._flatten_dense_tensors(dense))
        )
    norms = [norm.double() for norm in torch._foreach_norm(dense)]
    return is_finite(torch.stack(norms).sum())


def local(tensor: Tensor) -> Tensor:
    """Return this rank's shard of a tensor that is held in shards."""
    return tensor if type(tensor) in (Tensor, Parameter) else getattr(tensor, "to_local", lambda: tensor)()


def wide_sum(grad: Tensor) -> Tensor:
    """Return the sum, which is finite unless an entry is not: in float32 at least, for half overflows."""
    grad = local(grad)
    if grad.dtype in (torch.float32, torch.float64):
        return grad.sum()
    if grad.is_complex():
        return torch.view_as_real(grad.resolve_conj()).sum()
    return grad.sum(dtype=torch.promote_types(grad.dtype, torch.float32))


def is_finite(number: Tensor) -> bool:
    """Look at a number in host memory."""
    return math.isfinite(number.detach().numpy())


def own_leaves(leaves: Iterable[Tensor], shared_ids: frozenset[int]) -> list[Tensor]:
    """Return the leaves that are not shared parameters: heads and whatever else one task trains."""
    found: dict[int, Tensor] = {}
    for leaf in leaves:
        if id(leaf) not in shared_ids:
            found[id(leaf)] = leaf
    return list(found.values())
