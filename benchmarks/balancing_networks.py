"""Networks of today for `balancing.py`: a transformer, adapters of low rank on it, and one for pictures."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

VOCABULARY, LENGTH, WIDTH = 1000, 64, 128


class Block(nn.Module):
    """Pre-norm attention and a feed-forward part of four times the width."""

    def __init__(self, width: int, n_heads: int = 4) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        parts = self.qkv(self.norms[0](x)).view(batch, length, 3, self.n_heads, -1).permute(2, 0, 3, 1, 4)
        attended = functional.scaled_dot_product_attention(*parts.unbind(0))
        x = x + self.out(attended.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(functional.gelu(self.up(self.norms[1](x))))


class Transformer(nn.Module):
    """Tokens and learned positions, blocks, the mean over the positions."""

    def __init__(self, n_blocks: int = 4) -> None:
        super().__init__()
        self.table = nn.Embedding(VOCABULARY, WIDTH)
        self.positions = nn.Parameter(torch.randn(1, LENGTH, WIDTH) / 50)
        self.blocks = nn.Sequential(*(Block(WIDTH) for _ in range(n_blocks)))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.norm(self.blocks(self.table(tokens) + self.positions)).mean(1)


class Adapter(nn.Module):
    """A frozen layer and a product of low rank beside it."""

    def __init__(self, layer: nn.Linear, rank: int = 8) -> None:
        super().__init__()
        self.layer = layer
        self.down = nn.Linear(layer.in_features, rank, bias=False)
        self.up = nn.Linear(rank, layer.out_features, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.up(self.down(x))


def lora() -> nn.Module:
    """The transformer, frozen but for adapters at every layer of its blocks."""
    network = Transformer().requires_grad_(False)
    for block in network.blocks:
        for name in ("qkv", "out", "up", "down"):
            setattr(block, name, Adapter(getattr(block, name)))
    return network


class VisionTransformer(nn.Module):
    """Patches of 4×4 of a picture of 32×32, a class token, three blocks."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.start = nn.Parameter(torch.randn(1, 1, width))
        self.positions = nn.Parameter(torch.randn(1, 65, width) / 50)
        self.blocks = nn.Sequential(*(Block(width) for _ in range(3)))

    def forward(self, pictures: Tensor) -> Tensor:
        patches = self.patches(pictures).flatten(2).transpose(1, 2)
        x = torch.cat([self.start.expand(len(patches), -1, -1), patches], 1)
        return self.blocks(x + self.positions)[:, 0]


def tokens(n_rows: int = 16) -> Tensor:
    """Return random tokens."""
    return torch.randint(0, VOCABULARY, (n_rows, LENGTH))
