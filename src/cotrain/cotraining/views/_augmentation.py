"""Inputs that are harder to read and mean the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor

from cotrain._base._inputs import CHARACTERS, FIRSTS, PIECES, SOUND, WORDS
from cotrain._base._ragged import LENGTHS, Leaves, Ragged
from cotrain.cotraining.views._text_augmentation import TextAugmentation

#: Axes of [B, C, H, W].
_AXES_OF_PICTURES = 4


@final
class Noise:
    """Adds noise to numbers and puts another row's value in the place of some entries.

        x'[b, d] = x[π(b), d] with probability `swap`, else x[b, d];  then numbers + `gaussian` · σ_d · ε

    A value of another row is a value that the column has, whatever it is made of: numbers, codes of
    categories and tokens are treated alike. Of rows of different length an entry, a word with its characters,
    comes from any place of the other row; the lengths stay, and so does the padding. Pixels and samples of
    sounds are not exchanged: pictures are moved and recoloured by the fit's own augmentation. All draws are
    of torch's own stream, which a fit seeds in every step.

    Args:
        gaussian: standard deviation of what is added, in those of the column, ≥ 0.
        swap: probability that an entry comes from another row of the batch, in [0, 1).
        inputs: rows from which the columns' standard deviations σ_d are taken.
        text: what else happens to texts before; `None`: nothing.

    Raises:
        InvalidArgumentError: there is no text to augment.

    Source: the swapping is the corruption of Yoon et al., "VIME", 2020, and of Bahri et al., "SCARF", 2022,
    https://arxiv.org/abs/2106.15147; there the value is drawn from all rows.

    Example:
        >>> rows = {"inputs": torch.arange(6.0)[:, None]}
        >>> sorted(Noise(0.0, 0.0, rows)(rows)["inputs"].flatten().tolist())
        [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    """

    def __init__(
        self, gaussian: float, swap: float, inputs: Leaves, text: TextAugmentation | None = None
    ) -> None:
        self.gaussian = gaussian
        self.swap = swap
        self.text = text
        if text is not None:
            text.require_text(inputs)
        self._scales = {
            name: gaussian * _values(leaf).std(dim=0, correction=0)
            for name, leaf in inputs.items()
            if gaussian > 0 and isinstance(leaf, Tensor | Ragged) and leaf.is_floating_point()
        }

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return other tensors; those given stay as they are."""
        changed = dict(inputs) if self.text is None else self.text(inputs)
        for name, tensor in changed.items():
            lengths = inputs.get(name + LENGTHS)
            if self.swap > 0 and lengths is not None and not name.startswith((SOUND, CHARACTERS)):
                changed |= self._exchanged(name, changed, lengths)
            elif self.swap > 0 and lengths is None and _is_of_columns(name, tensor):
                other = torch.randperm(len(tensor), device=tensor.device)
                where = torch.rand(tensor.shape, device=tensor.device) < self.swap
                changed[name] = torch.where(where, tensor[other], tensor)
            if name in self._scales:
                changed[name] = self._louder(changed[name], self._scales[name], lengths)
        return changed

    def _exchanged(self, name: str, inputs: Mapping[str, Tensor], lengths: Tensor) -> dict[str, Tensor]:
        """Return entries [B, S, ...] of which some come from another row, with what belongs to them."""
        tensor = inputs[name]
        n_rows, longest = tensor.shape[:2]
        other = torch.randperm(n_rows, device=tensor.device)[:, None]
        draws = torch.rand(2, n_rows, longest, device=tensor.device)
        place = (draws[0] * lengths[other]).long().clamp(max=longest - 1)
        where = (draws[1] < self.swap) & _real(tensor, lengths) & (lengths[other] > 0)
        names = [name]
        if name.startswith(WORDS) and CHARACTERS + name.removeprefix(WORDS) in inputs:
            names.append(CHARACTERS + name.removeprefix(WORDS))
        found = {}
        for one in names:
            mask = where.reshape(*where.shape, *[1] * (inputs[one].dim() - 2))
            found[one] = torch.where(mask, inputs[one][other, place], inputs[one])
        if name.startswith((PIECES, FIRSTS)):
            # Number and place of each subword: the place stays.
            found[name] = torch.stack([found[name][..., 0], tensor[..., 1]], dim=-1)
        return found

    def _louder(self, tensor: Tensor, scale: Tensor, lengths: Tensor | None) -> Tensor:
        """Return a tensor with noise on it, its padding without."""
        noise = scale.to(tensor.device) * torch.randn_like(tensor)
        if lengths is not None:
            there = _real(tensor, lengths)
            noise = noise * there.reshape(*there.shape, *[1] * (tensor.dim() - 2))
        return tensor + noise


def _is_of_columns(name: str, tensor: Tensor) -> bool:
    """Say whether places of a row are columns, which the places of another row can stand for."""
    return not name.endswith(LENGTHS) and tensor.dim() < _AXES_OF_PICTURES


def _real(tensor: Tensor, lengths: Tensor) -> Tensor:
    """Return which places are no padding, bool [B, S]."""
    return torch.arange(tensor.shape[1], device=tensor.device) < lengths[:, None]


def _values(leaf: Any) -> Tensor:
    return leaf.values if isinstance(leaf, Ragged) else leaf
