"""Texts that are harder to read and mean the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError, check_number
from cotrain._base._inputs import BAG, CHARACTERS, PIECES, WORDS
from cotrain._base._ragged import LENGTHS, Leaves

#: Number of an unknown word, and of an unknown character.
_UNKNOWN = 1


@final
class TextAugmentation:
    """Words exchanged with their neighbours, and words that become unknown, alone or in spans.

    Of a column of words first neighbours change places, then words get the number of the unknown, and their
    characters that of unknown ones. A row stays as long as it is, its padding where it is, and at least one
    of its words what it was. A text, which is a bag of tokens without order, loses tokens by `dropout` alone.
    All draws are of torch's own stream, which a fit seeds in every step.

    Columns that the tokenizer of a pre-trained model cuts into subwords are not augmented, and refused.

    Args:
        dropout: probability that a word or token is dropped, in [0, 1).
        swap: about the share of words that change places with a neighbour, in [0, 1]. Not with tasks that
            have an answer for every word, whose labels would not move along.
        mask: about the share of words that are dropped in spans, in [0, 1).
        span: words of such a span, ≥ 1.

    Raises:
        InvalidArgumentError: an argument is out of range.

    Source: dropout and exchanged words as in Wei & Zou, "EDA", 2019, https://arxiv.org/abs/1901.11196; spans
    as in Joshi et al., "SpanBERT", 2020, https://arxiv.org/abs/1907.10529, there of random length; for
    consistency with pseudo-labels Xie et al., "Unsupervised Data Augmentation", 2020,
    https://arxiv.org/abs/1904.12848.

    Example:
        >>> inputs = {"words:said": torch.tensor([[7, 8, 9, 0]]), "words:said:lengths": torch.tensor([3])}
        >>> augmentation = TextAugmentation(dropout=0.0, swap=1.0, mask=0.0)
        >>> sorted(augmentation(inputs)["words:said"].flatten().tolist())
        [0, 7, 8, 9]
    """

    def __init__(self, dropout: float = 0.1, swap: float = 0.0, mask: float = 0.1, *, span: int = 3) -> None:
        check_number(self, 0, 1, open_high=True, dropout=dropout, mask=mask)
        check_number(self, 0, 1, swap=swap)
        check_number(self, 1, span=span)
        self.dropout = dropout
        self.swap = swap
        self.mask = mask
        self.span = span

    def require_text(self, inputs: Leaves) -> None:
        """Refuse inputs without any text, and such as are not augmented.

        Raises:
            InvalidArgumentError: there is no column of words or text, or one of subwords.
        """
        for name in inputs:
            if name.startswith(PIECES):
                raise InvalidArgumentError(
                    f"TextAugmentation: column {name.removeprefix(PIECES)!r} is read as the subwords of a "
                    "pre-trained model, which are not augmented: leave text= out."
                )
        if not any(name.startswith((WORDS, BAG)) for name in inputs):
            raise InvalidArgumentError(
                "TextAugmentation: there is no column of words or text among the inputs: leave text= out."
            )

    def __call__(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return other tensors; those given stay as they are."""
        changed = dict(inputs)
        for name, tensor in inputs.items():
            if name.startswith(BAG) and self.dropout > 0:
                dropped = torch.rand(tensor.shape, device=tensor.device) < self.dropout
                changed[name] = tensor.masked_fill(_but_one(dropped, tensor != 0), 0)
            elif name.startswith(WORDS) and not name.endswith(LENGTHS):
                changed |= self._of_words(name, inputs)
        return changed

    def _of_words(self, name: str, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        words, lengths = inputs[name], inputs[name + LENGTHS]
        real = torch.arange(words.shape[1], device=words.device) < lengths[:, None]
        order, dropped = self._order(real), self._dropped(real)
        changed = {name: words.gather(1, order).masked_fill(dropped, _UNKNOWN)}
        beside = CHARACTERS + name.removeprefix(WORDS)
        if beside in inputs:
            characters = inputs[beside].take_along_dim(order[..., None], dim=1)
            unknown = dropped[..., None] & (characters != 0)
            changed[beside] = characters.masked_fill(unknown, _UNKNOWN)
        return changed

    def _order(self, real: Tensor) -> Tensor:
        """Return which word comes to each place, int64 [B, S]: its own, or that of a neighbour."""
        n_rows, longest = real.shape
        places = torch.arange(longest, device=real.device).expand(n_rows, -1)
        # Each row is cut into pairs that begin at an even or an odd place, and some pairs are turned round.
        first = (places + torch.randint(2, (n_rows, 1), device=real.device)) % 2 == 0
        turned = first & (torch.rand(real.shape, device=real.device) < self.swap)
        turned[:, :-1] &= real[:, 1:]
        turned[:, -1:] = False
        return places + turned.long() - torch.nn.functional.pad(turned, (1, 0))[:, :-1].long()

    def _dropped(self, real: Tensor) -> Tensor:
        """Return which words become unknown, bool [B, S]."""
        draws = torch.rand(2, *real.shape, device=real.device)
        begins = (draws[1] < self.mask / self.span).float()
        # A place is within a span if one begins here or up to span - 1 places before.
        before = torch.nn.functional.pad(begins[:, None], (self.span - 1, 0))
        masked = torch.nn.functional.max_pool1d(before, self.span, stride=1)[:, 0] > 0
        return _but_one((draws[0] < self.dropout) | masked, real)


def _but_one(dropped: Tensor, real: Tensor) -> Tensor:
    """Return what is dropped of the real places [B, M], but for one at random where all of a row would be."""
    dropped = dropped & real
    if not dropped.shape[1]:
        return dropped
    chosen = torch.rand(real.shape, device=real.device).masked_fill(~real, -1.0).argmax(dim=1, keepdim=True)
    nothing_left = (dropped == real).all(dim=1, keepdim=True)
    return dropped & ~(nothing_left & torch.zeros_like(dropped).scatter(1, chosen, True))
