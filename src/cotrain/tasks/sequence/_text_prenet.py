"""From characters and conditions to frames: embeddings, durations, and the regulation of the length.

Shapes: B rows, U units of a text, F frames of a sound, S positions of the trunk, D width, M mel bands.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain._base._ragged import LENGTHS
from cotrain.tasks._prenet import Entered, PreNet

#: Convolutions over the units of a text, and how many of them each one sees.
_LAYERS, _KERNEL = 2, 5
#: Most frames of one unit, 2 s: what a wild prediction is cut to.
_LONGEST = 200
#: The place of a frame in its unit: how far from its start, how far to its end, and the unit's length.
_PLACES = 3


@final
class TextPreNet(PreNet):
    """Characters of a text -> positions of a trunk: embedded, each for as many frames as it lasts.

        hᵤ = units in their context, with the conditions added;  log(1 + dᵤ) = w · f(hᵤ)
        frame t of unit u:  hᵤ + V [place in the unit, log(1 + dᵤ)]

    and a convolution takes every `stride`-th frame. In training and evaluation the durations are the aligned
    ones, which come as the input "places", the unit of every frame; without it they are the predicted ones,
    rounded.

    Source: the length regulator is that of Ren et al., "FastSpeech: Fast, Robust and Controllable Text to
    Speech", 2019, https://arxiv.org/abs/1905.09263.

    Args:
        key: what the names of the inputs begin with.
        n_units: different units, number 0 being unknown ones.
        optional: the unit that may have no frame.
        n_categories: of each condition that is a category, 0 being unknown ones.
        n_numbers: of conditions that are numbers.
        width: D.
        stride: frames a position.
        start: log(1 + d) of a usual unit.
    """

    def __init__(
        self,
        key: str,
        *,
        n_units: int,
        optional: int,
        n_categories: Sequence[int],
        n_numbers: int,
        width: int,
        stride: int,
        start: float,
    ) -> None:
        super().__init__()
        self.units_key, self.places_key = f"{key}units", f"{key}places"
        self.categories_key, self.numbers_key = f"{key}categories", f"{key}numbers"
        needed = {self.categories_key: n_categories, self.numbers_key: n_numbers}
        self.keys = (self.units_key, *(name for name, there in needed.items() if there))
        self.optional = optional
        self.stride = stride
        self.units = _silent_first(n_units, width)
        self.categories = nn.ModuleList(_silent_first(n, width) for n in n_categories)
        self.numbers = nn.Linear(n_numbers, width, bias=False) if n_numbers else None
        self.context = nn.ModuleList(_UnitBlock(width) for _ in range(_LAYERS))
        self.duration = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU())
        self.log_duration = nn.Linear(width, 1)
        nn.init.constant_(self.log_duration.bias, start)
        self.places = nn.Linear(_PLACES, width)
        self.thin = nn.Conv1d(width, width, 2 * stride + 1, stride=stride, padding=stride)
        self.norm = nn.LayerNorm(width)

    def forward(self, inputs: Mapping[str, Tensor]) -> Entered:
        """Return the positions; `carried` is log(1 + d) of every frame's unit, [B, F, 1]."""
        units_BUD, log_d_BU = self._units(inputs)
        if self.places_key in inputs:
            places_BF = inputs[self.places_key]
            there_BF = _within(inputs[self.places_key + LENGTHS], places_BF.shape[1])
            durations_BU = torch.zeros_like(log_d_BU).scatter_add(1, places_BF, there_BF.to(log_d_BU.dtype))
        else:
            durations_BU = self._durations(inputs, log_d_BU)
            lengths_B = durations_BU.sum(dim=1)
            there_BF = _within(lengths_B, max(1, int(lengths_B.max())))
            ends_BU = durations_BU.cumsum(dim=1)
            frame_F = torch.arange(there_BF.shape[1], device=ends_BU.device)
            passed = (frame_F[None, :, None] >= ends_BU[:, None, :]).sum(dim=2)
            places_BF = passed.clamp(max=ends_BU.shape[1] - 1)
        frames_BFD = _of_units(units_BUD, places_BF) + self.places(_within_units(durations_BU, places_BF))
        frames_BFD = frames_BFD.where(there_BF.unsqueeze(-1), 0.0)
        positions_BSD = self.norm(self.thin(frames_BFD.transpose(1, 2)).transpose(1, 2))
        return Entered(
            positions_BSD, there_BF[:, :: self.stride], _of_units(log_d_BU.unsqueeze(-1), places_BF)
        )

    def leave(self, output: Tensor, entered: Entered) -> Tensor:
        """Return [B, F, M + 1]: the bands of every frame, and log(1 + d) of its unit."""
        frames = output.unflatten(2, (self.stride, -1)).flatten(1, 2)[:, : entered.carried.shape[1]]
        return torch.cat([frames, entered.carried.to(frames.dtype)], dim=2)

    def lengths(self, inputs: Mapping[str, Tensor]) -> Tensor:
        """Return the number of frames of each row."""
        if self.places_key in inputs:
            return inputs[self.places_key + LENGTHS]
        return self._durations(inputs, self._units(inputs)[1]).sum(dim=1).to(torch.int64)

    def _units(self, inputs: Mapping[str, Tensor]) -> tuple[Tensor, Tensor]:
        """Return units in their context [B, U, D], and log(1 + d) of each [B, U]."""
        numbers = inputs[self.units_key]
        there = _within(inputs[self.units_key + LENGTHS], numbers.shape[1])
        hidden = self.units(numbers)
        for place, embedding in enumerate(self.categories):
            hidden = hidden + embedding(inputs[self.categories_key][:, place]).unsqueeze(1)
        if self.numbers is not None:
            hidden = hidden + self.numbers(inputs[self.numbers_key]).unsqueeze(1)
        for block in self.context:
            hidden = block(hidden, there)
        # Never in half precision, which cannot count frames beyond 256.
        with torch.autocast(hidden.device.type, enabled=False):
            lasting = self.duration(hidden.to(self.log_duration.weight.dtype))
            return hidden, self.log_duration(lasting).squeeze(-1)

    def _durations(self, inputs: Mapping[str, Tensor], log_durations: Tensor) -> Tensor:
        """Return whole frames of each unit, [B, U]; 0 of what is no unit."""
        numbers = inputs[self.units_key]
        least = (numbers != self.optional).to(log_durations.dtype)
        frames = torch.expm1(log_durations.clamp(max=math.log1p(_LONGEST))).round()
        there = _within(inputs[self.units_key + LENGTHS], numbers.shape[1])
        return torch.maximum(frames, least).where(there, 0.0)


@final
class _UnitBlock(nn.Module):
    """x + W gelu(conv(norm(x))) over the units that a text has."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.conv = nn.Conv1d(width, width, _KERNEL, padding=_KERNEL // 2)
        self.outer = nn.Linear(width, width)

    def forward(self, hidden: Tensor, there: Tensor) -> Tensor:
        inner = self.norm(hidden).where(there.unsqueeze(-1), 0.0).transpose(1, 2)
        return hidden + self.outer(functional.gelu(self.conv(inner).transpose(1, 2)))


def _silent_first(n: int, width: int) -> nn.Embedding:
    """Return an embedding whose number 0 says nothing and stays so."""
    return nn.Embedding(n, width, padding_idx=0)


def _within(lengths: Tensor, size: int) -> Tensor:
    """Return which of `size` places each row has, bool [B, size]."""
    return torch.arange(size, device=lengths.device) < lengths.unsqueeze(1)


def _of_units(values: Tensor, places: Tensor) -> Tensor:
    """Return the value of every frame's unit, [B, F, ...], of values [B, U, ...]."""
    return values.gather(1, places.unsqueeze(-1).expand(-1, -1, values.shape[-1]))


def _within_units(durations: Tensor, places: Tensor) -> Tensor:
    """Return where in its unit each frame lies, and how long that is, [B, F, 3]."""
    starts = durations.cumsum(dim=1) - durations
    start, length = (_of_units(values.unsqueeze(-1), places).squeeze(-1) for values in (starts, durations))
    behind = torch.arange(places.shape[1], device=places.device) - start + 0.5
    share = (behind / length.clamp(min=1)).clamp(0, 1)
    return torch.stack([share, 1 - share, torch.log1p(length)], dim=-1)
