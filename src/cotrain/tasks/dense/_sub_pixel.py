"""Answers for pixels that are finer than the map they are made from."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional


@final
class SubPixel(nn.Module):
    """From a map [B, D, H, W] to outputs for r × r places in each of its cells, [B, O, r H, r W].

        z[o, r y + i, r x + j] = ⟨w[o, i, j], h[:, y, x]⟩ + b[o],   i, j = 0 ... r - 1

    A line that is thinner than a cell can so be told from what is beside it, which no interpolation of one
    output a cell can. At first the places of a cell have the same weights.

    Source: Shi et al., "Real-Time Single Image and Video Super-Resolution Using an Efficient Sub-Pixel
    Convolutional Neural Network", 2016, https://arxiv.org/abs/1609.05158; the equal weights at the start are
    those of Aitken et al., "Checkerboard Artifact Free Sub-Pixel Convolution", 2017,
    https://arxiv.org/abs/1707.02937.

    Args:
        width: D.
        n_outputs: O.
        upscale: r, ≥ 1.

    Example:
        >>> SubPixel(8, 3, 4)(torch.zeros(2, 8, 5, 6)).shape
        torch.Size([2, 3, 20, 24])
    """

    def __init__(self, width: int, n_outputs: int, upscale: int) -> None:
        super().__init__()
        self.upscale = upscale
        self.places = nn.Conv2d(width, n_outputs * upscale**2, 1, bias=False)
        self.bias = nn.Parameter(torch.zeros(n_outputs))
        with torch.no_grad():
            of_place = self.places.weight.view(n_outputs, upscale**2, width)
            of_place.copy_(of_place[:, :1].expand_as(of_place).clone())

    def forward(self, hidden: Tensor) -> Tensor:
        return functional.pixel_shuffle(self.places(hidden), self.upscale) + self.bias[:, None, None]
