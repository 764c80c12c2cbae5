"""Which source a step takes its Gramian from."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from cotrain._base import InvalidArgumentError, did_you_mean
from cotrain.balancing import Balancer
from cotrain.gradients._exact import ExactSource
from cotrain.gradients._ghost import GhostSource
from cotrain.gradients._rows import Source

SOURCES = ("auto", "exact", "ghost")


def choose_source(source: str | Sequence[nn.Module], balancer: Balancer, model: nn.Module | None) -> Source:
    """Return the source that the user named, or the cheapest exact one that the method can use."""
    if source not in SOURCES:
        raise InvalidArgumentError(f"Balance(source={source!r}): {did_you_mean(str(source), SOURCES)}")
    return GhostSource() if source == "ghost" else ExactSource()
