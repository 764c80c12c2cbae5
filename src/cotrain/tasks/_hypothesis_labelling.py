"""How a row is labelled whole, where its label is a text that a network hears."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np
from torch import Tensor


class Costs(Protocol):
    """What texts cost under outputs of a network."""

    def __call__(self, outputs: Any, texts: Tensor, temperature: float = 1.0) -> Tensor:
        """Return -log P(text) / max(1, its symbols), [N] ≥ 0; infinite where the row cannot say it.

        Args:
            outputs: of the head on N rows.
            texts: coded, int64 [N, L].
            temperature: what scores of symbols are divided by, > 0.
        """


@final
@dataclass(frozen=True)
class HypothesisLabelling:
    """What co-training must know of a task whose answer for a row is a text, as of speech.

    A row gets the whole text that is heard as its label, or none. How sure of it one can be is its normalised
    score, exp(-cost) = P(text)^(1 / max(1, its symbols)); whether it is right, the whole text tells: it is
    equal to the true one, or it is not. Texts are numbers of symbols, 0 behind their end, and need not be as
    wide as the true ones.

    Args:
        symbols: names of the C symbols, whose numbers begin at 1.
        heard: outputs of the head on N rows -> the texts that are heard, int64 [N, L].
        costs: see `Costs`.
        labellable: (outputs on N rows, texts [N, L]) -> whether a text may be a label of its row, bool [N]:
            it has positions for it, and it is not empty unless an empty one says something.
        text_of: numbers of symbols [L] -> the text.

    Example:
        >>> import polars as pl
        >>> import torch
        >>> from cotrain.tasks import Transcription
        >>> task = Transcription("said")
        >>> task.fit(pl.DataFrame({"said": ["ab", "b"]}))
        >>> labelling = task.hypothesis_labelling()
        >>> outputs = torch.tensor([[[0.0, 9.0, 0.0, 1.0], [0.0, 0.0, 9.0, 1.0]]])
        >>> texts = labelling.heard(outputs)
        >>> labelling.text_of(texts[0].numpy()), labelling.labellable(outputs, texts).tolist()
        ('ab', [True])
        >>> round(float(labelling.costs(outputs, texts).neg().exp()), 2)
        1.0
    """

    symbols: Sequence[str]
    heard: Callable[[Any], Tensor]
    costs: Costs
    labellable: Callable[[Any, Tensor], Tensor]
    text_of: Callable[[np.ndarray], str]
