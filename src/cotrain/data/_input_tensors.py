"""What the columns of a table give, put together for a network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from cotrain._base._inputs import BAG, CATEGORIES, CHARACTERS, FIRSTS, PICTURE, PIECES, SOUND, WORDS
from cotrain._base._ragged import Ragged
from cotrain.data.columns import Column, Parts


def code_offsets(columns: Sequence[Column]) -> np.ndarray:
    """Return where each code's numbers begin in the one table that all of them share, int64 [C].

    Args:
        columns: fitted.
    """
    sizes = np.array([size for column in columns for size in column.cardinalities], dtype=np.int64)
    return np.cumsum(sizes) - sizes


def input_tensors(columns: Sequence[Column], parts: Sequence[Parts], offsets: np.ndarray) -> dict[str, Any]:
    """Return the tensors and ragged rows that `InputSpec` describes.

    Args:
        columns: fitted.
        parts: what each of them gives for the same B rows.
        offsets: of `code_offsets`.

    Example:
        >>> import polars as pl
        >>> from cotrain.data.columns import Words
        >>> values = pl.Series("said", [["a", "b"], ["a"]])
        >>> column = Words("said", min_count=1).fit(values)
        >>> found = input_tensors([column], [column.encode(values)], code_offsets([column]))
        >>> {name: leaf.values.shape for name, leaf in found.items()}
        {'words:said': torch.Size([3]), 'characters:said': torch.Size([3, 16])}
    """
    inputs: dict[str, Any] = {}
    numbers = [part.numbers for part in parts if part.numbers is not None]
    numbers += [part.indicators for part in parts if part.indicators is not None]
    if numbers:
        inputs["numbers"] = torch.from_numpy(np.concatenate(numbers, axis=1))
    codes = [part.codes for part in parts if part.codes is not None]
    if codes:
        inputs[CATEGORIES] = torch.from_numpy(np.concatenate(codes, axis=1) + offsets)
    for column, part in zip(columns, parts, strict=True):
        if part.tokens is not None:
            inputs[BAG + column.name] = torch.from_numpy(part.tokens)
        if part.pictures is not None:
            held = isinstance(part.pictures, np.ndarray)
            inputs[PICTURE + column.name] = torch.from_numpy(part.pictures) if held else part.pictures
        if part.sounds is not None:
            inputs[SOUND + column.name] = part.sounds
        if part.pieces is not None and part.piece_lengths is not None:
            inputs[PIECES + column.name] = Ragged(
                torch.from_numpy(part.pieces), _row_ends(part.piece_lengths)
            )
        if part.firsts is not None and part.lengths is not None:
            inputs[FIRSTS + column.name] = Ragged(torch.from_numpy(part.firsts), _row_ends(part.lengths))
        if part.lengths is not None and part.words is not None:
            ends = _row_ends(part.lengths)
            inputs[WORDS + column.name] = Ragged(torch.from_numpy(part.words), ends)
            if part.characters is not None:
                inputs[CHARACTERS + column.name] = Ragged(torch.from_numpy(part.characters), ends)
    return inputs


def _row_ends(lengths: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]))
