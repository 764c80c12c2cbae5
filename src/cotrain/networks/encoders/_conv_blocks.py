"""The residual convolution blocks that image and sound encoders are made of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

from torch import Tensor, nn
from torch.nn import functional


@final
class ConvBlock(nn.Module):
    """silu(x' + norm(conv(silu(norm(conv(x)))))), with x' = x, or a 1×1 convolution of it where sizes change.

    Group instead of batch normalisation: a row's output does not depend on the other rows, so that a batch
    of one and training on several processes give the same numbers.
    """

    def __init__(self, n_inputs: int, width: int, stride: int, dilation: int = 1) -> None:
        super().__init__()
        groups = math.gcd(width, 8)
        self.first = nn.Conv2d(
            n_inputs, width, 3, stride=stride, padding=dilation, dilation=dilation, bias=False
        )
        self.first_norm = nn.GroupNorm(groups, width)
        self.second = nn.Conv2d(width, width, 3, padding=dilation, dilation=dilation, bias=False)
        self.second_norm = nn.GroupNorm(groups, width)
        changed = stride != 1 or n_inputs != width
        self.shortcut = nn.Conv2d(n_inputs, width, 1, stride=stride, bias=False) if changed else nn.Identity()

    def forward(self, hidden: Tensor) -> Tensor:
        inner = functional.silu(self.first_norm(self.first(hidden)))
        return functional.silu(self.shortcut(hidden) + self.second_norm(self.second(inner)))


def conv_stages(
    n_channels: int, channels: Sequence[int], blocks: int, strides: Sequence[int] | None = None
) -> list[nn.Module]:
    """Return one stage per entry of `channels`.

    Args:
        n_channels: of what the first stage reads.
        channels: widths.
        blocks: a stage, ≥ 1.
        strides: of each stage; `None`: 1, then 2. Where a stage after the first keeps height and width its
            convolutions reach twice as far as those before, so that later stages see as much of the picture.
    """
    stages: list[nn.Module] = []
    before, dilation = n_channels, 1
    for i, width in enumerate(channels):
        stride = (1 if i == 0 else 2) if strides is None else strides[i]
        dilation *= 2 if i > 0 and stride == 1 else 1
        layers: list[nn.Module] = [ConvBlock(before, width, stride, dilation)]
        layers += [ConvBlock(width, width, 1, dilation) for _ in range(blocks - 1)]
        stages.append(nn.Sequential(*layers))
        before = width
    return stages
