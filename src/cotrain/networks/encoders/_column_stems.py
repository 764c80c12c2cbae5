"""The first stage of an encoder of sequences: a stem for each kind of input, and one sequence of all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from cotrain.networks._positions import MaskedStage
from cotrain.networks.encoders._sound_stem import SoundStem
from cotrain.networks.encoders._table_encoder import TableInputs
from cotrain.networks.encoders._word_stem import WordStem

Stem = WordStem | SoundStem


@final
class ColumnStems(MaskedStage):
    """A table with columns of words or of sounds -> one sequence [B, S, D].

    These columns stand one after the other, each with a vector of its own added. Where the table has other
    columns too, their vector is added to every position, and stands in front as a position of its own, so
    that a row without words still has one.

    Args:
        stems: of the columns of words and of sounds, at least one.
        width: D.
        table: the stem of the other columns; `None` if there are none.
        dropout: probability of dropping a unit.
        places: whether to add where in its column a position stands.
    """

    def __init__(
        self, stems: Sequence[Stem], *, width: int, table: TableInputs | None, dropout: float, places: bool
    ) -> None:
        super().__init__()
        self.names = tuple(stem.key.partition(":")[2] or stem.key for stem in stems)
        self.places = places
        self.stems = nn.ModuleList(stems)
        several = len(stems) > 1
        self.columns = nn.Parameter(torch.randn(len(stems), width) / math.sqrt(width)) if several else None
        self.table = table
        self.token = None if table is None else nn.Linear(table.width, width)
        self.condition = None if table is None else nn.Linear(table.width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, hidden: Any, mask: Tensor | None = None) -> Tensor:
        parts = [stem(hidden) for stem in self.stems]  # C × [B, S, D]
        if self.places:
            parts = [part + sinusoids(part.shape[1], part) for part in parts]
        if self.columns is not None:
            parts = [part + column for part, column in zip(parts, self.columns, strict=True)]
        found = torch.cat(parts, dim=1)
        if self.table is not None and self.token is not None and self.condition is not None:
            table = self.table(hidden)
            found = found + self.condition(table).unsqueeze(1)
            found = torch.cat([self.token(table).unsqueeze(1), found], dim=1)
        return self.dropout(found)

    def mask_after(self, before: Any) -> Tensor | None:
        masks: list[Any] = [stem.mask(before) for stem in self._stems]
        if len(masks) == 1 and masks[0] is None:
            return None  # of a tensor of rows of one length, which has no columns beside it
        if self.table is not None:
            masks.insert(0, torch.ones_like(masks[0][:, :1]))
        return torch.cat(masks, dim=1)

    def spans(self, inputs: Mapping[str, Tensor]) -> dict[str, slice]:
        """Return where in the sequence each column stands."""
        spans: dict[str, slice] = {}
        start = int(self.table is not None)
        for name, stem in zip(self.names, self._stems, strict=True):
            stop = start + stem.n_positions(inputs)
            spans[name] = slice(start, stop)
            start = stop
        return spans

    @property
    def _stems(self) -> list[Any]:
        return list(self.stems)


def sinusoids(n: int, like: Tensor) -> Tensor:
    """Return [n, D]: sines and cosines of the place, with wavelengths from 2π to 20,000 π.

    Source: Vaswani et al., "Attention Is All You Need", 2017, https://arxiv.org/abs/1706.03762

    Args:
        n: places.
        like: of width D, of the type and on the device that are wanted.
    """
    width = like.shape[-1]
    half = (width + 1) // 2
    rates = torch.exp(torch.arange(half, device=like.device) * (-math.log(10_000.0) / half))
    angles = torch.arange(n, device=like.device).unsqueeze(1) * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width].to(like.dtype)
