"""Inputs that are harder to read and mean the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor

#: Of [B, C, H, W].
_AXES_OF_PICTURES = 4


@final
class Noise:
    """Adds noise to numbers and puts another row's value in the place of some entries.

        x'[b, d] = x[π(b), d] with probability `swap`, else x[b, d];  then numbers + `gaussian` · σ_d · ε

    A value of another row is a value that the column has, whatever it is made of: numbers, codes of
    categories and tokens are treated alike. Pixels are not exchanged: pictures are moved and recoloured by
    the fit's own augmentation. All draws are of torch's own stream, which a fit seeds in every step.

    Args:
        gaussian: standard deviation of what is added, in those of the column, ≥ 0.
        swap: probability that an entry comes from another row of the batch, in [0, 1).
        inputs: rows from which the columns' standard deviations σ_d are taken.

    Source: the swapping is the corruption of Yoon et al., "VIME", 2020, and of Bahri et al., "SCARF", 2022,
    https://arxiv.org/abs/2106.15147; there the value is drawn from all rows.

    Example:
        >>> rows = {"inputs": torch.arange(6.0)[:, None]}
        >>> sorted(Noise(0.0, 0.0, rows)(rows)["inputs"].flatten().tolist())
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """

    def __init__(self, gaussian: float, swap: float, inputs: Mapping[str, Tensor]) -> None:
        self.gaussian = gaussian
        self.swap = swap
        self._scales = {
            name: gaussian * tensor.std(dim=0, correction=0)
            for name, tensor in inputs.items()
            if gaussian > 0 and tensor.is_floating_point()
        }

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return other tensors; those given stay as they are."""
        changed = dict(inputs)
        for name, tensor in inputs.items():
            if self.swap > 0 and tensor.dim() < _AXES_OF_PICTURES:
                other = torch.randperm(len(tensor), device=tensor.device)
                where = torch.rand(tensor.shape, device=tensor.device) < self.swap
                changed[name] = torch.where(where, tensor[other], tensor)
            if name in self._scales:
                scale = self._scales[name].to(tensor.device)
                changed[name] = changed[name] + scale * torch.randn_like(tensor)
        return changed
