"""What a person sees of one cell that holds a label, or of one that was predicted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol, final, runtime_checkable

import numpy as np


@final
@dataclass(frozen=True, eq=False)
class Exhibit:
    """A cell as something to look at, or to listen to.

    Args:
        kind: "text": `text`; "transcript": `text`, of which single words are right or wrong; "mask":
            `array` int [H, W] of class numbers, -1 where there is no label; "boxes" and "points": `boxes`;
            "field": `array` float [H, W], or [3, H, W] of directions, NaN where there is no label; "sound":
            `samples` at `rate` a second, and `array` float [T, M], its log-mel energies.
        text: see `kind`.
        array: see `kind`.
        boxes: mappings of box (x, y, width, height in pixels), or point (x, y), label and, where it is
            predicted, score.
        samples: float [n], full scale 1.
        rate: samples a second.

    Example:
        >>> Exhibit("text", "seven").text
        'seven'
    """

    kind: Literal["text", "transcript", "mask", "boxes", "points", "field", "sound"]
    text: str = ""
    array: np.ndarray | None = None
    boxes: Sequence[Mapping[str, Any]] = ()
    samples: np.ndarray | None = None
    rate: int = 0


@runtime_checkable
class Exhibiting(Protocol):
    """A kind of task whose cells are more than a text.

    Example:
        >>> from cotrain.tasks import Multiclass, Transcription
        >>> isinstance(Transcription("said"), Exhibiting), isinstance(Multiclass("genre"), Exhibiting)
        (True, False)
    """

    def exhibit(self, cell: Any, *, label: bool) -> Exhibit:
        """Return what a person sees of a cell.

        Args:
            cell: of the label column or, of the same form, of a prediction; not a missing one.
            label: whether it is a label.
        """
        ...
