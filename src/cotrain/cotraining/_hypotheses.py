"""Texts that networks hear in rows, how sure they are of them, and what other texts would cost.

Shapes: N rows, M networks, L symbols of the longest text.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import final

import torch
from torch import Tensor

from cotrain._base._ragged import Leaf, Ragged
from cotrain.tasks import HypothesisLabelling

#: Temperatures that are tried where texts are to be as sure as held-out ones bear out.
TEMPERATURES = (0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.7, 8.0)


@final
@dataclass(frozen=True)
class Hypotheses:
    """What one or several networks hear in N rows, as one text a row.

    Of the texts that the networks hear, each for itself, a row's is that of the least mean cost:

        t = argmin over m of c̄(t_m),  c̄(t) = 1/M Σ_m −log P_m(t) / max(1, |t|),

    so that exp(−c̄) is the geometric mean of the networks' normalised scores: where one of them would not say
    the text, all are unsure of it.

    Args:
        labelling: of the task.
        outputs: of each network on the rows.

    Example:
        >>> import polars as pl
        >>> from cotrain.tasks import Transcription
        >>> task = Transcription("said")
        >>> task.fit(pl.DataFrame({"said": ["a", "b"]}))
        >>> surely_a, rather_b = (torch.tensor([[[0.0, a, b, 1.0]]]) for a, b in ((9.0, 0.0), (0.0, 1.0)))
        >>> heard = Hypotheses(task.hypothesis_labelling(), [surely_a, rather_b])
        >>> heard.texts.tolist(), heard.agree().tolist()
        ([[1]], [[False]])
    """

    labelling: HypothesisLabelling
    outputs: Sequence[Leaf]

    def __len__(self) -> int:
        return len(self.outputs[0])

    @cached_property
    def texts(self) -> Tensor:
        """The text of each row, int64 [N, L], 0 behind its end."""
        if len(self.outputs) == 1:
            return self._of_each[0]
        costs = torch.stack([self.costs_of(texts) for texts in self._of_each], dim=1)
        best = costs.argmin(dim=1)
        every = torch.stack(self._of_each, dim=1)
        return trimmed(every[torch.arange(len(best)), best])

    @cached_property
    def _of_each(self) -> list[Tensor]:
        return as_wide_as_each_other([self.labelling.heard(output) for output in self.outputs])

    @cached_property
    def costs(self) -> Tensor:
        """Costs of the texts, [N]."""
        return self.costs_of(self.texts)

    def costs_of(self, texts: Tensor, temperature: float = 1.0) -> Tensor:
        """Return the mean cost of texts [N, L], [N]; infinite where any network cannot say one."""
        costs = [self.labelling.costs(output, texts, temperature) for output in self.outputs]
        return torch.stack(costs).mean(dim=0)

    def tempered_costs_of(self, texts: Tensor, known: Tensor) -> Tensor:
        """Return costs of texts, [N], at the temperature at which those known, bool [N], cost least."""
        costs = [self.costs_of(texts, temperature) for temperature in TEMPERATURES]
        means = [float(of_rows[known].double().mean()) if bool(known.any()) else 0.0 for of_rows in costs]
        return costs[min(range(len(means)), key=means.__getitem__)]

    def confidence(self) -> Tensor:
        """Return the normalised scores of the texts, [N, 1] in [0, 1]; 0 of what cannot be a label."""
        return torch.where(self.labellable(), self.costs.neg().exp().clamp(0, 1)[:, None], 0.0)

    def labellable(self) -> Tensor:
        """Return which texts may be labels: every network has positions for them, bool [N, 1]."""
        found = [self.labelling.labellable(output, self.texts) for output in self.outputs]
        return torch.stack(found).all(dim=0)[:, None]

    def agree(self) -> Tensor:
        """Return in which rows all networks hear the same, bool [N, 1]."""
        first = self._of_each[0]
        alike = [(texts == first).all(dim=1) for texts in self._of_each]
        return torch.stack(alike).all(dim=0)[:, None]

    def right(self, truth: Tensor) -> Tensor:
        """Return which texts are equal to the true ones [N, L], bool [N, 1]."""
        return same_texts(self.texts, truth)[:, None]

    def take(self, rows: Tensor) -> Hypotheses:
        """Return those of some rows."""
        return replace(self, outputs=[output[rows] for output in self.outputs])

    @classmethod
    def stacked(cls, parts: Sequence[Hypotheses]) -> Hypotheses:
        """Return those of different rows below one another."""
        columns = zip(*(map(as_ragged, part.outputs) for part in parts), strict=True)
        return cls(parts[0].labelling, [Ragged.cat(column) for column in columns])

    @classmethod
    def joined(cls, parts: Sequence[Hypotheses]) -> Hypotheses:
        """Return what all networks of several hear in the same rows together."""
        return cls(parts[0].labelling, [output for part in parts for output in part.outputs])

    @classmethod
    def placed(cls, parts: Sequence[tuple[Tensor, Hypotheses]], n_rows: int) -> Hypotheses:
        """Return those of `n_rows` rows, of which each part has some; of the others nothing is heard.

        Args:
            parts: numbers of the rows, and what is heard in them; at least one.
            n_rows: N.
        """
        whole = cls.stacked([part for _, part in parts])
        places = torch.full((n_rows,), len(whole))
        rows = torch.cat([rows for rows, _ in parts])
        places[rows] = torch.arange(len(rows))
        nothing = torch.zeros(1, dtype=torch.int64)
        outputs = [
            Ragged(output.values, torch.cat([output.offsets, output.offsets[-1:] + nothing]))[places]
            for output in map(as_ragged, whole.outputs)
        ]
        return cls(whole.labelling, outputs)

    def there(self) -> Tensor:
        """Return which rows have any position, bool [N]."""
        lengths = [as_ragged(output).lengths for output in self.outputs]
        return torch.stack(lengths).amin(dim=0) > 0

    def shares(self, texts: Tensor, where: Tensor) -> Tensor:
        """Return the shares of the symbols in texts [N, L] of the rows `where`, bool [N]: [1, C]."""
        return symbol_shares(self.labelling, texts[where])


def symbol_shares(labelling: HypothesisLabelling, texts: Tensor) -> Tensor:
    """Return the shares of the symbols in texts [N, L], [1, C]; NaN without any, the unseen left out."""
    n = len(labelling.symbols)
    counts = torch.bincount(texts.flatten(), minlength=n + 2)[1 : n + 1].float()
    return (counts / counts.sum())[None]


def as_ragged(leaf: Leaf) -> Ragged:
    """Return rows one after the other; of a tensor [N, S, ...] all have S entries."""
    if isinstance(leaf, Ragged):
        return leaf
    return Ragged.from_padded(leaf, torch.full((len(leaf),), leaf.shape[1]))


def as_wide_as_each_other(texts: Sequence[Tensor]) -> list[Tensor]:
    """Return texts [N, L] with as many places as the longest have, 0 behind their end.

    Example:
        >>> [part.tolist() for part in as_wide_as_each_other([torch.tensor([[1]]), torch.tensor([[1, 2]])])]
        [[[1, 0]], [[1, 2]]]
    """
    widest = max(part.shape[1] for part in texts)
    return [torch.nn.functional.pad(part, (0, widest - part.shape[1])) for part in texts]


def same_texts(one: Tensor, other: Tensor) -> Tensor:
    """Return which rows of texts [N, L] and [N, L'] are equal, bool [N]."""
    first, second = as_wide_as_each_other([one, other])
    return (first == second).all(dim=1)


def trimmed(texts: Tensor) -> Tensor:
    """Return texts [N, L] without the places that no row needs; one is kept."""
    longest = int((texts != 0).sum(dim=1).max()) if len(texts) else 0
    return texts[:, : max(1, longest)]
