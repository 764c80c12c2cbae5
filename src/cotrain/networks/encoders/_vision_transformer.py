"""A Transformer whose tokens are the patches of a picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain._base import InputSpec, InvalidArgumentError, check_number
from cotrain.networks._base import Encoder
from cotrain.networks._checks import refuse_unread
from cotrain.networks.encoders._attention import AttentionBlock
from cotrain.networks.encoders._picture_input import first_stage, n_channels_of, picture_keys


@final
class VisionTransformer(Encoder):
    """Patches of a picture as tokens, then blocks of self-attention with the norm before each part ("ViT").

    The first stage maps each patch of P×P pixels to a vector and adds where it lies; each further stage is a
    block over all patches, and a norm ends the last. The patches stay a map [B, D, H/P, W/P], rounded up, so
    that heads of classes, boxes, masks and depths all read it, and every sharing architecture mixes maps. No
    class token: a head that reads one vector a row pools the map.

    Few pictures want `ConvNet`: that what is near belongs together, convolutions know from the start, and a
    Transformer has to learn.

    Source: Dosovitskiy et al., "An Image is Worth 16x16 Words", 2021, https://arxiv.org/abs/2010.11929; the
    positions are fixed sines and cosines of the row and of the column, which take pictures of any size, and
    the map is pooled, as in Beyer, Zhai and Kolesnikov, "Better plain ViT baselines for ImageNet-1k", 2022,
    https://arxiv.org/abs/2205.01580.

    Args:
        width: D of every stage, a multiple of `heads` and of 4.
        depth: number of blocks, ≥ 1.
        heads: attention heads, ≥ 1.
        patch: P, side of a patch in pixels, ≥ 1. The cost of a block grows with the square of the number of
            patches.
        dropout: probability of dropping a unit, in [0, 1).
        key: the column of pictures, or the name of an input tensor [B, C, H, W], or a list of them; `None`:
            all columns of pictures, which are read as `ConvNet` reads them.
        n_channels: C; `None`: read from the description of the inputs.

    Raises:
        InvalidArgumentError: if a size is out of range, or the number of channels is not known.

    Example:
        >>> spec = InputSpec(tensors={"image": (3, 20, 16)})
        >>> encoder = VisionTransformer(width=16, depth=1, heads=2, patch=8).build(spec)
        >>> encoder({"image": torch.zeros(5, 3, 20, 16)}).shape
        torch.Size([5, 16, 3, 2])
    """

    def __init__(
        self,
        width: int = 96,
        depth: int = 4,
        heads: int = 4,
        *,
        patch: int = 8,
        dropout: float = 0.1,
        key: str | Sequence[str] | None = None,
        n_channels: int | None = None,
    ) -> None:
        super().__init__()
        check_number(self, 1, width=width, depth=depth, heads=heads, patch=patch)
        check_number(self, 0, 1, open_high=True, dropout=dropout)
        if n_channels is not None:
            check_number(self, 1, n_channels=n_channels)
        if width % math.lcm(4, heads):
            raise InvalidArgumentError(
                f"VisionTransformer(width={width}, heads={heads}): expected a width that is a multiple of "
                f"heads and of 4, such as {math.lcm(4, heads) * max(1, round(width / math.lcm(4, heads)))}."
            )
        self.width = width
        self.depth = depth
        self.heads = heads
        self.patch = patch
        self.dropout = dropout
        self.key = key if isinstance(key, str) or key is None else list(key)
        self.n_channels = n_channels

    @property
    def keeps_positions(self) -> bool:
        """Yes: a vector for every patch."""
        return True

    def build(self, spec: InputSpec) -> Self:
        """Make the embedding of patches and the blocks for images of this many channels."""
        refuse_unread(self, spec, "table", "pictures")
        keys = picture_keys(self, self.key, spec)
        n_channels = n_channels_of(self, keys, spec) if self.n_channels is None else self.n_channels
        patches = _Patches(n_channels, self.width, self.patch, self.dropout)
        blocks: list[nn.Module] = [
            _MapBlock(self.width, self.heads, self.dropout, last=number == self.depth - 1)
            for number in range(self.depth)
        ]
        self.stages = nn.ModuleList([first_stage(spec, keys, [patches], self.width), *blocks])
        self.widths = (self.width,) * (self.depth + 1)
        return self


class _Patches(nn.Module):
    """Pictures [B, C, H, W] -> [B, D, ⌈H/P⌉, ⌈W/P⌉]: a linear map of every patch, and its position added.

    Where a side is no multiple of P the last patches are filled with zeros, the mean of what is standardised.
    """

    def __init__(self, n_channels: int, width: int, patch: int, dropout: float) -> None:
        super().__init__()
        self.patch = patch
        self.embed = nn.Conv2d(n_channels, width, patch, stride=patch)
        self.dropout = nn.Dropout(dropout)

    def forward(self, pictures: Tensor) -> Tensor:
        height, width = pictures.shape[2:]
        below, right = -height % self.patch, -width % self.patch
        patches = self.embed(functional.pad(pictures, (0, right, 0, below)))
        return self.dropout(patches + _positions(patches))


def _positions(like: Tensor) -> Tensor:
    """Return the positions of a map [B, D, H, W], [D, H, W]: a quarter each sin y, cos y, sin x and cos x.

    sin(y · 10000^(-i / (D/4 - 1))) for i = 0 .. D/4 - 1, and so on.
    """
    _, width, rows, columns = like.shape
    quarter = width // 4
    powers = torch.arange(quarter, device=like.device) / max(1, quarter - 1)
    rates = torch.pow(10_000.0, -powers)[:, None]
    down = rates * torch.arange(rows, device=like.device)
    across = rates * torch.arange(columns, device=like.device)
    parts = [
        part[:, :, None].expand(quarter, rows, columns) if vertical else part[:, None].expand(-1, rows, -1)
        for part, vertical in (
            (down.sin(), True),
            (down.cos(), True),
            (across.sin(), False),
            (across.cos(), False),
        )
    ]
    return torch.cat(parts).to(like.dtype)


class _MapBlock(nn.Module):
    """A block of attention over all positions of a map [B, D, H, W]; after the last one a norm."""

    def __init__(self, width: int, heads: int, dropout: float, *, last: bool) -> None:
        super().__init__()
        self.block = AttentionBlock(width, heads, dropout)
        self.norm = nn.LayerNorm(width) if last else nn.Identity()

    def forward(self, hidden: Tensor) -> Tensor:
        sequence = self.norm(self.block(hidden.flatten(2).transpose(1, 2)))
        return sequence.transpose(1, 2).unflatten(2, hidden.shape[2:])
