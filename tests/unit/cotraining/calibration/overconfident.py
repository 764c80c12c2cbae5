"""A peer that is too sure."""

from __future__ import annotations

import torch


def overconfident(n: int = 400, right: float = 0.7, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return predictions that say about .97 and are right in 70 of 100 rows."""
    generator = torch.Generator().manual_seed(seed)
    sure = 0.95 + 0.04 * torch.rand(n, generator=generator)
    predicted = torch.randint(0, 3, (n,), generator=generator)
    p = ((1 - sure) / 2)[:, None].repeat(1, 3).scatter(1, predicted[:, None], sure[:, None])
    truth = torch.where(torch.rand(n, generator=generator) < right, predicted, (predicted + 1) % 3)
    return p[:, None], truth[:, None]
