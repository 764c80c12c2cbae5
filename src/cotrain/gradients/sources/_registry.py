"""Which source a step takes its Gramian from."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from torch import nn

from cotrain._base import InvalidArgumentError, did_you_mean
from cotrain.balancing import Balancer, Needs
from cotrain.gradients.sources._approximate import LayerSource, RepresentationSource
from cotrain.gradients.sources._auto import AutoSource
from cotrain.gradients.sources._base import GradientSource
from cotrain.gradients.sources._disjoint import DisjointSource
from cotrain.gradients.sources._exact import ExactSource
from cotrain.gradients.sources._ghost import GhostSource

SOURCES: dict[str, Callable[[], GradientSource]] = {
    "auto": AutoSource,
    "disjoint": DisjointSource,
    "exact": ExactSource,
    "ghost": GhostSource,
    "representation": RepresentationSource,
}


def choose_source(
    source: str | Sequence[nn.Module],
    balancer: Balancer,
    model: nn.Module | None,
    memory: float | str | None = None,
) -> GradientSource:
    """Return the source that the user named, or the cheapest exact one that the method can use.

    Args:
        source: its name, or modules.
        balancer: the method.
        model: the network.
        memory: what the gradients of single tasks may take, in bytes or as "64MB"; for "auto".

    Raises:
        InvalidArgumentError: for an unknown name, or a source that cannot give what the method needs.
    """
    if isinstance(source, str):
        if source not in SOURCES:
            raise InvalidArgumentError(f"Balance(source={source!r}): {did_you_mean(source, SOURCES)}")
        if balancer.needs is Needs.JACOBIAN:
            if source not in ("auto", "exact"):
                raise InvalidArgumentError(
                    f"{type(balancer).__name__} needs the gradients themselves, which source={source!r} does "
                    "not have: use source='exact'."
                )
            return ExactSource()
        if source == "auto":
            return AutoSource(None if memory is None else n_bytes(memory))
        return SOURCES[source]()
    if balancer.needs is Needs.JACOBIAN:
        raise InvalidArgumentError(
            f"{type(balancer).__name__} needs the gradients of all shared parameters: use source='exact', or "
            "pass fewer shared_parameters."
        )
    return LayerSource(source)


_UNITS = {"": 1, "b": 1, "kb": 2**10, "mb": 2**20, "gb": 2**30}


def n_bytes(memory: float | str) -> float:
    """Return a number of bytes, given so or as "64MB".

    Raises:
        InvalidArgumentError: for anything else.
    """
    found = re.fullmatch(r"\s*([0-9]*\.?[0-9]+)\s*([a-z]*)\s*", str(memory).lower())
    if isinstance(memory, bool) or found is None or found[2] not in _UNITS or float(found[1]) <= 0:
        raise InvalidArgumentError(
            f"Balance(memory={memory!r}) must be a positive number of bytes or a text such as '64MB'."
        )
    return float(found[1]) * _UNITS[found[2]]
