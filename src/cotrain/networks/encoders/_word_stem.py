"""The stem of a column of words: its embeddings and what its characters look like."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self, final

import torch
from torch import Tensor, nn

from cotrain._base import InputSpec
from cotrain._base._inputs import CHARACTERS, WORDS
from cotrain.networks._positions import mask_of_input


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

    @classmethod
    def of_columns(
        cls,
        spec: InputSpec,
        *,
        width: int,
        word_embedding: int,
        character_embedding: int,
        word_dropout: float,
    ) -> list[Self]:
        """Return a stem for each column of words."""
        return [
            cls(
                key,
                n_words,
                spec.characters.get(CHARACTERS + key.removeprefix(WORDS), 0),
                width=width,
                word_embedding=word_embedding,
                character_embedding=character_embedding,
                word_dropout=word_dropout,
            )
            for key, n_words in spec.words.items()
        ]

    def mask(self, inputs: Mapping[str, Tensor]) -> Tensor | None:
        """Return which positions are no padding, bool [B, S]."""
        return mask_of_input(inputs, self.key)

    def n_positions(self, inputs: Mapping[str, Tensor]) -> int:
        """Return S."""
        return inputs[self.key].shape[1]

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
