"""Gradients of several losses as plain functions, which leave `.grad` and the graph as they are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import overload

import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError, check_choice
from cotrain.gradients._shared_parameters import SharedParameters, flat_width
from cotrain.gradients._step_losses import Losses, losses_by_task, order_losses
from cotrain.gradients.sources._auto import SOURCES
from cotrain.gradients.sources._base import GradientRequest, TaskGradients
from cotrain.gradients.sources._exact import ExactSource


def jacobian(losses: Losses, parameters: Iterable[Tensor]) -> Tensor:
    """Return the gradients of K losses as rows, K×P; nothing is added to `.grad`.

    J[k] = ∇Lₖ, the parameters one after another, each flattened; 0 where a loss does not reach. One backward
    pass per loss.

    Args:
        losses: task -> scalar loss with its graph, or a list or tensor of K of them.
        parameters: those to differentiate by; frozen ones are left out. P numbers in all.

    Returns:
        K×P, float32 at least, without a graph.

    Raises:
        InvalidArgumentError: if there is no loss or no parameter, or a loss has no graph.

    Example:
        >>> w = torch.tensor([1.0, 2.0], requires_grad=True)
        >>> jacobian([w.sum(), w.square().sum()], [w])
        tensor([[1., 1.],
                [2., 4.]])
    """
    return _opened(losses, list(parameters), "exact").jacobian()


@overload
def gramian(losses: Losses, parameters: Iterable[Tensor], *, source: str = "auto") -> Tensor: ...


@overload
def gramian(
    losses: Losses,
    parameters: Iterable[Tensor],
    *,
    source: str = "auto",
    groups: Mapping[str, Sequence[Tensor]],
) -> dict[str, Tensor]: ...


def gramian(
    losses: Losses,
    parameters: Iterable[Tensor],
    *,
    source: str = "auto",
    groups: Mapping[str, Sequence[Tensor]] | None = None,
) -> Tensor | dict[str, Tensor]:
    """Return the inner products of the gradients of K losses, K×K; nothing is added to `.grad`.

    G = JJᵀ, Gᵢⱼ = ⟨∇Lᵢ, ∇Lⱼ⟩. It is computed without J where that is cheaper (see `Balance`), so that it
    also serves where K×P numbers would not fit.

    Args:
        losses: task -> scalar loss with its graph, or a list or tensor of K of them.
        parameters: those to differentiate by; frozen ones are left out.
        source: "auto", "exact", "ghost" or "disjoint"; see `Balance`.
        groups: name -> some of the parameters: a Gramian for each group instead, whose sum over a partition
            of the parameters is the whole one.

    Returns:
        K×K without a graph, or one for each group.

    Raises:
        InvalidArgumentError: as for `jacobian`, or for an unknown source, or a group of other parameters.

    Example:
        >>> a, b = (torch.tensor(v, requires_grad=True) for v in (1.0, 3.0))
        >>> gramian({"one": a * b, "two": a - b}, [a, b])
        tensor([[10.,  2.],
                [ 2.,  2.]])
        >>> parts = gramian({"one": a * b, "two": a - b}, [a, b], groups={"a": [a], "b": [b]})
        >>> parts["a"].tolist(), parts["b"].tolist()
        ([[9.0, 3.0], [3.0, 1.0]], [[1.0, -1.0], [-1.0, 1.0]])
    """
    known = list(parameters)
    if groups is None:
        return _opened(losses, known, source).gramian().clone()
    ids = {id(parameter) for parameter in known}
    for name, members in groups.items():
        if any(id(parameter) not in ids for parameter in members):
            raise InvalidArgumentError(
                f"gramian(groups=...): group {name!r} has a parameter that is not among `parameters`: name "
                "groups of the same parameters."
            )
    rows_KP, start, columns = jacobian(losses, known), 0, {}
    for parameter in SharedParameters(known).trainable():
        width = flat_width([parameter])
        columns[id(parameter)] = rows_KP[:, start : start + width]
        start += width
    empty = rows_KP[:, :0]
    parts = {
        name: torch.cat([columns.get(id(parameter), empty) for parameter in members], 1) if members else empty
        for name, members in groups.items()
    }
    return {name: part_KP @ part_KP.T for name, part_KP in parts.items()}


def _opened(losses: Losses, parameters: Sequence[Tensor], source: str) -> TaskGradients:
    shared = SharedParameters(parameters)
    learning = shared.trainable()
    named = losses_by_task(losses, None)
    if not named or not learning:
        raise InvalidArgumentError(
            f"There is nothing to differentiate: got {len(named)} losses and {len(learning)} parameters that "
            "can learn."
        )
    exact = [name for name in SOURCES if name != "representation"]
    check_choice("gramian", exact, source=source)
    ordered = order_losses(named, tuple(named), learning[0].device)
    made = ExactSource() if source == "exact" else SOURCES[source]()
    return made.open(GradientRequest(ordered, shared, retain=True, weighed=True))
