"""Texts of three symbols, and outputs of networks that hear them."""

from __future__ import annotations

import itertools
import math

import numpy as np
import polars as pl
import torch

from cotrain._base._ragged import Ragged
from cotrain.tasks import HypothesisLabelling, Transcription
from cotrain.training import Examples


def text_task(*texts: str, **options: object) -> Transcription:
    """A task whose symbols are a, b and c: 1, 2 and 3."""
    task = Transcription("said", **options)
    task.fit(pl.DataFrame({"said": ["abc", *texts]}))
    return task


def labelling_of(task: Transcription) -> HypothesisLabelling:
    found = task.hypothesis_labelling()
    assert found is not None
    return found


def saying(*paths: str, sure: float = 6.0) -> Ragged:
    """Outputs whose most probable paths are these, "-" for a blank."""
    rows = []
    for path in paths:
        numbers = torch.tensor(["-abc".index(symbol) for symbol in path], dtype=torch.int64)
        scores = sure * torch.nn.functional.one_hot(numbers, 4).float()
        rows.append(torch.cat([scores, torch.ones(len(path), 1)], dim=1))
    return Ragged.from_rows(rows)


def drawn(lengths: list[int], seed: int = 0) -> Ragged:
    """Outputs of any scores."""
    generator = torch.Generator().manual_seed(seed)
    return Ragged.from_rows(
        [torch.cat([2 * torch.randn(n, 4, generator=generator), torch.ones(n, 1)], dim=1) for n in lengths]
    )


def literal_cost(output: torch.Tensor, text: list[int], temperature: float = 1.0) -> float:
    """-log of the sum over all paths of a text, by its symbols."""
    log_p = torch.log_softmax(output[:, :-1].double() / temperature, dim=-1).numpy()
    total = 0.0
    for path in itertools.product(range(log_p.shape[1]), repeat=len(log_p)):
        if [symbol for symbol, _ in itertools.groupby(path) if symbol] == text:
            total += math.exp(sum(log_p[place, symbol] for place, symbol in enumerate(path)))
    return -math.log(total) / max(1, len(text)) if total else math.inf


def coded(task: Transcription, texts: list[str | None]) -> Examples:
    """Rows of these texts, each with an input of its own."""
    targets, mask = task.encode(pl.DataFrame({"said": pl.Series(texts, dtype=pl.String)}))
    inputs = {"x": torch.from_numpy(np.arange(len(texts), dtype=np.float32))[:, None]}
    return Examples(inputs, {"said": targets}, {"said": mask})
