"""Heads: hidden layers and an output layer, which may look at which positions there are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor, nn

from cotrain.tasks._member_head import MemberHead


@final
class MaskedHead(nn.Sequential):
    """Layers one after the other, the last of which looks at the mask of the positions."""

    reads_mask = True

    def forward(self, input: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return what the last layer gives of [B, S, D] and the mask, bool [B, S]; `None`: all positions."""
        *inner, last = self
        for layer in inner:
            input = layer(input)
        return last(input, mask)


def stacked_head(
    output_layer: Callable[[int], nn.Module], width: int, hidden: Sequence[int], *, dropout: float
) -> nn.Module:
    """Return hidden layers, and the output layer that is made for the width of the last one."""
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Linear(width, size), nn.SiLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        width = size
    layers.append(output_layer(width))
    return MaskedHead(*layers) if hasattr(layers[-1], "reads_mask") else nn.Sequential(*layers)


def start_at(head: nn.Module, constant: Callable[[], Tensor], n_outputs: int) -> None:
    """Set the last parameter of shape [O] that is called "bias" to a constant; without one do nothing.

    Of the heads of several members each one's is set.
    """
    if isinstance(head, MemberHead):
        biases = head.output_biases(n_outputs)
    else:
        biases = [
            parameter
            for name, parameter in head.named_parameters()
            if name.split(".")[-1] == "bias" and parameter.shape == (n_outputs,)
        ][-1:]
    if biases:
        value = constant()
        with torch.no_grad():
            for bias in biases:
                bias.copy_(value)
