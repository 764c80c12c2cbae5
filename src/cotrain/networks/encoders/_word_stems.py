"""The first stage of an encoder for words: each kind of input its own stem, and one sequence of them all."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor, nn

from cotrain._base import InputSpec
from cotrain.networks._positions import MaskedStage, mask_of_input
from cotrain.networks.encoders._table_encoder import TableInputs

#: What the keys of the two inputs of a column of words begin with.
WORDS, CHARACTERS = "words:", "characters:"


@final
class WordStems(MaskedStage):
    """A table with columns of words -> one sequence [B, S, D].

    The columns of words stand one after the other, each with a vector of its own added. Where the table has
    other columns too, their vector is added to every position, and stands in front as a position of its own,
    so that a row without words still has one.

    Args:
        spec: sizes of the inputs.
        width: D.
        word_embedding: width of a word's embedding.
        character_embedding: width of a character's embedding, and half that of what a word's characters give.
        table: the stem of the other columns; `None` if there are none.
        word_dropout: probability with which a word is taken for an unknown one in training.
        dropout: probability of dropping a unit.
        places: whether to add where in its column a word stands.
    """

    def __init__(
        self,
        spec: InputSpec,
        *,
        width: int,
        word_embedding: int,
        character_embedding: int,
        table: TableInputs | None,
        word_dropout: float,
        dropout: float,
        places: bool,
    ) -> None:
        super().__init__()
        self.keys = tuple(spec.words)
        self.places = places
        self.stems = nn.ModuleList(
            WordStem(
                key,
                spec.words[key],
                spec.characters.get(CHARACTERS + key.removeprefix(WORDS), 0),
                width=width,
                word_embedding=word_embedding,
                character_embedding=character_embedding,
                word_dropout=word_dropout,
            )
            for key in self.keys
        )
        several = len(self.keys) > 1
        self.columns = (
            nn.Parameter(torch.randn(len(self.keys), width) / math.sqrt(width)) if several else None
        )
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
        words = torch.cat(parts, dim=1)
        if self.table is not None and self.token is not None and self.condition is not None:
            table = self.table(hidden)
            words = words + self.condition(table).unsqueeze(1)
            words = torch.cat([self.token(table).unsqueeze(1), words], dim=1)
        return self.dropout(words)

    def mask_after(self, before: Any) -> Tensor:
        masks: list[Any] = [mask_of_input(before, key) for key in self.keys]
        if self.table is not None:
            masks.insert(0, torch.ones_like(masks[0][:, :1]))
        return torch.cat(masks, dim=1)

    def spans(self, inputs: Mapping[str, Tensor]) -> dict[str, slice]:
        """Return where in the sequence each column of words stands."""
        spans: dict[str, slice] = {}
        start = int(self.table is not None)
        for key in self.keys:
            stop = start + inputs[key].shape[1]
            spans[key.removeprefix(WORDS)] = slice(start, stop)
            start = stop
        return spans


@final
class WordStem(nn.Module):
    """One column of words -> [B, S, D]: W [e(word), max over the characters of a convolution], normalised.

    Source: Ma and Hovy, "End-to-end Sequence Labeling via Bi-directional LSTM-CNNs-CRF", 2016,
    https://aclanthology.org/P16-1101
    """

    def __init__(
        self,
        key: str,
        n_words: int,
        n_characters: int,
        *,
        width: int,
        word_embedding: int,
        character_embedding: int,
        word_dropout: float,
    ) -> None:
        super().__init__()
        self.key = key
        self.characters_key = CHARACTERS + key.removeprefix(WORDS)
        self.words = nn.Embedding(n_words, word_embedding, padding_idx=0)
        # Small, so that a word that training never saw says little.
        nn.init.normal_(self.words.weight, std=0.1)
        with torch.no_grad():
            self.words.weight[0] = 0
        n_filters = 2 * character_embedding if n_characters else 0
        self.characters = (
            nn.Embedding(n_characters, character_embedding, padding_idx=0) if n_filters else None
        )
        self.filters = nn.Conv1d(character_embedding, n_filters, 3, padding=1) if n_filters else None
        self.joined = nn.Linear(word_embedding + n_filters, width)
        self.norm = nn.LayerNorm(width)
        self.word_dropout = word_dropout

    def forward(self, inputs: Mapping[str, Tensor]) -> Tensor:
        words = inputs[self.key]
        if self.training and self.word_dropout > 0:
            dropped = torch.rand(words.shape, device=words.device) < self.word_dropout
            words = words.masked_fill(dropped & (words > 1), 1)
        parts = [self.words(words)]
        if self.characters is not None and self.filters is not None:
            characters = inputs[self.characters_key].long()
            embedded = self.characters(characters).flatten(0, 1).transpose(1, 2)  # [B S, E, C]
            parts.append(self.filters(embedded).amax(dim=2).unflatten(0, words.shape))
        return self.norm(self.joined(torch.cat(parts, dim=-1)))


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
