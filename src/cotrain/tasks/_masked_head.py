"""A head whose last layer looks at which positions there are."""

from __future__ import annotations

from typing import final

from torch import Tensor, nn


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
