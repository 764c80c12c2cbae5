"""The first stage of a pre-trained transformer: its embeddings of the subwords of a row."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, final

import torch
from torch import Tensor, nn

from cotrain._base import SubwordSpec
from cotrain._base._inputs import FIRSTS, PIECES
from cotrain.networks._positions import MaskedStage, mask_of_input
from cotrain.networks.encoders._table_encoder import TableInputs


@final
class SubwordStem(MaskedStage):
    """Columns of subwords -> one sequence of embeddings [B, S, D].

    The model reads `prefix text middle text ... suffix`, as its tokenizer puts a pair together. Attention
    does not see the order in which a sequence lies in memory, only the places that the embeddings add. So the
    first subwords of each column of words lie one after the other here, and their positions are those of the
    words; behind them come the tokens between the texts, all other subwords, and the table.

    Args:
        embeddings: of the model.
        projection: from their width to that of the layers; `None`: it is the same.
        columns: names of the columns of subwords, in order.
        of_words: those whose first subwords are the words.
        tokenizer: what stands before, between and behind the texts.
        first_place: number of the first place.
        n_types: number of types of text.
        width: D.
        table: the stem of the table's other columns; `None` if there are none.
    """

    def __init__(
        self,
        embeddings: nn.Module,
        projection: nn.Module | None,
        *,
        columns: Sequence[str],
        of_words: Sequence[str],
        tokenizer: SubwordSpec,
        first_place: int,
        n_types: int,
        width: int,
        table: TableInputs | None,
    ) -> None:
        super().__init__()
        # Under the names that the model has for them.
        self.part = nn.ModuleDict({"embeddings": embeddings})
        if projection is not None:
            self.part["embeddings_project"] = projection
        self.columns = tuple(columns)
        self.of_words = tuple(column for column in columns if column in of_words)
        self.first_place = first_place
        self.n_types = n_types
        self.tokenizer = tokenizer
        self.has_types = "token_type_ids" in inspect.signature(embeddings.forward).parameters
        self.table = table
        self.token = (
            None if table is None else nn.Sequential(nn.Linear(table.width, width), nn.LayerNorm(width))
        )
        between = [number for _ in self.columns[1:] for number in tokenizer.middle]
        numbers = [*tokenizer.prefix, *between, *tokenizer.suffix]
        self.register_buffer("marks", torch.tensor(numbers, dtype=torch.long), persistent=False)

    def forward(self, hidden: Any, mask: Tensor | None = None) -> Tensor:
        numbers, places, types = self._laid_out(hidden)
        there = {"token_type_ids": types} if self.has_types else {}
        embedded = self.part["embeddings"](input_ids=numbers, position_ids=places + self.first_place, **there)
        if "embeddings_project" in self.part:
            embedded = self.part["embeddings_project"](embedded)
        if self.table is not None and self.token is not None:
            embedded = torch.cat([embedded, self.token(self.table(hidden)).unsqueeze(1)], dim=1)
        return embedded

    def mask_after(self, before: Any) -> Tensor:
        firsts = [self._mask(before, FIRSTS, column) for column in self.of_words]
        pieces = [self._mask(before, PIECES, column) for column in self.columns]
        marks: Any = self.marks
        always = pieces[0].new_ones(len(pieces[0]), len(marks))
        table = [] if self.table is None else [pieces[0].new_ones(len(pieces[0]), 1)]
        return torch.cat([*firsts, always, *pieces, *table], dim=1)

    def spans(self, inputs: Mapping[str, Tensor]) -> dict[str, slice]:
        """Return where the words of each column of words stand."""
        spans: dict[str, slice] = {}
        start = 0
        for column in self.of_words:
            stop = start + inputs[FIRSTS + column].shape[1]
            spans[column] = slice(start, stop)
            start = stop
        return spans

    def _mask(self, inputs: Any, kind: str, column: str) -> Tensor:
        mask = mask_of_input(inputs, kind + column)
        return inputs[kind + column][..., 0] >= 0 if mask is None else mask

    def _laid_out(self, inputs: Any) -> tuple[Tensor, Tensor, Tensor]:
        """Return number, place and type of every subword, int64 [B, S] each."""
        spec, marks = self.tokenizer, self.marks
        firsts: list[tuple[Tensor, ...]] = []
        pieces: list[tuple[Tensor, ...]] = []
        some = inputs[PIECES + self.columns[0]]
        start = some.new_full((len(some), 1), len(spec.prefix), dtype=torch.long)
        mark_places = [torch.arange(len(spec.prefix), device=some.device).expand(len(some), -1)]
        mark_types = [0] * len(spec.prefix)
        for number, column in enumerate(self.columns):
            kind = min(spec.second_type * (number > 0), self.n_types - 1)
            if number:
                mark_places.append(start + torch.arange(len(spec.middle), device=some.device))
                mark_types += [min(spec.second_type * (number > 1), self.n_types - 1)] * len(spec.middle)
                start = start + len(spec.middle)
            length = torch.zeros_like(start)
            for key, found in ((FIRSTS, firsts), (PIECES, pieces)):
                if key == PIECES or column in self.of_words:
                    there = self._mask(inputs, key, column)
                    values = inputs[key + column].long().masked_fill(~there.unsqueeze(-1), 0)
                    places = (values[..., 1] + start).masked_fill(~there, 0)
                    found.append((values[..., 0], places, torch.full_like(places, kind)))
                    length = length + there.sum(dim=1, keepdim=True)
            start = start + length
        mark_places.append(start + torch.arange(len(spec.suffix), device=some.device))
        last = min(spec.second_type * (len(self.columns) > 1), self.n_types - 1)
        mark_types += [last] * len(spec.suffix)
        types = torch.tensor(mark_types, dtype=torch.long, device=some.device).expand(len(some), -1)
        middle: tuple[Any, ...] = (
            marks.expand(len(some), -1),  # ty: ignore
            torch.cat(mark_places, dim=1),
            types,
        )
        numbers, places, kinds = (
            torch.cat(parts, dim=1) for parts in zip(*firsts, middle, *pieces, strict=True)
        )
        return numbers, places, kinds
