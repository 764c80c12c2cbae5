"""How the answers of a row are labelled one by one, where a task has many of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor

from cotrain._base import first_largest


def most_probable_class(probabilities: Tensor, offsets: Tensor) -> Tensor:
    """Return the most probable class of every entry, int64 [M].

    Args:
        probabilities: [M, C].
        offsets: where each row begins; not looked at.
    """
    return first_largest(probabilities)


def each_alone(classes: Tensor, offsets: Tensor) -> Tensor:
    """Return a number of its own for every entry, int64 [M].

    Args:
        classes: int64 [M].
        offsets: where each row begins; not looked at.
    """
    return torch.arange(len(classes))


def its_own(confidence: Tensor, classes: Tensor, offsets: Tensor) -> Tensor:
    """Return the confidence [M] as it is.

    Args:
        confidence: [M].
        classes: int64 [M]; not looked at.
        offsets: where each row begins; not looked at.
    """
    return confidence


def as_they_are(probabilities: Tensor) -> Tensor:
    """Return what is given."""
    return probabilities


@final
@dataclass(frozen=True)
class EntryLabelling:
    """What co-training must know of a task that has an answer for every entry of a row: word or pixel.

    An entry gets a pseudo-label by the confidence of the *unit* that it belongs to, and a unit is labelled
    whole or not at all: half a name teaches wrong borders. Entries of all rows stand one after the other, M
    of them; row i has those from offsets[i] to offsets[i + 1].

    Args:
        classes: names of the C classes.
        probabilities: outputs of the head on all rows -> probability of every class at every entry, N ragged
            rows of [C], or [N, ..., C].
        decode: (probabilities [M, C], offsets [N + 1]) -> class of every entry, int64 [M].
        units: (classes [M], offsets [N + 1]) -> number of the unit of every entry, int64 [M]; the numbers
            begin at 0, and none is left out. The class of a unit is that of its first entry.
        bound: (corrected confidence [M] of the unit of every entry, classes [M], offsets [N + 1]) -> the
            same, lower where an entry depends on others of its row: [M].
        scores: probabilities [n, S, C], rows padded -> what the task's metrics look at.

    Example:
        >>> labelling = EntryLabelling(["no", "yes"], lambda output: output.softmax(-1))
        >>> labelling.decode(torch.tensor([[0.2, 0.8], [0.9, 0.1]]), torch.tensor([0, 2])).tolist()
        [1, 0]
        >>> labelling.units(torch.tensor([1, 0]), torch.tensor([0, 2])).tolist()
        [0, 1]
    """

    classes: Sequence[str]
    probabilities: Callable[[Any], Any]
    decode: Callable[[Tensor, Tensor], Tensor] = most_probable_class
    units: Callable[[Tensor, Tensor], Tensor] = each_alone
    bound: Callable[[Tensor, Tensor, Tensor], Tensor] = its_own
    scores: Callable[[Tensor], Tensor] = as_they_are
