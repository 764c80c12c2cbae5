"""How things in a row are labelled, where a label is a list of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import final

from torch import Tensor


@final
@dataclass(frozen=True)
class RowLabelling:
    """What co-training must know of a task whose label is a list of things of C kinds, such as boxes.

    For every row and kind there is one question, is there such a thing? It is calibrated, selected and
    judged as any label of yes or no. Where the answer is a sure yes, the things themselves are taught, and of
    the rest of the row nothing is said: what a teacher has overlooked must not become background.

    Args:
        most: things that are found in one row, at most.
        present: coded targets [N, M, ...] -> whether there is such a thing, float [N, C], 0 or 1.
        confidence: outputs of the head on N rows -> that there is one, [N, C] in [0, 1].
        things: (outputs, bool [N, C]: where there surely is one) -> coded targets of what is taught there,
            [N, M', ...].
        merged: (coded targets, coded targets of what is taught, bool [N, C]: where) -> both in one.

    Example:
        >>> import polars as pl
        >>> import torch
        >>> from cotrain.tasks import Detection
        >>> task = Detection("boxes", most=5)
        >>> boxes = [[{"box": [2, 1, 4, 4], "label": "cat"}], []]
        >>> frame = pl.DataFrame({"boxes": boxes, "width": [8] * 2, "height": [8] * 2})
        >>> task.fit(frame)
        >>> labelling, (targets, _) = task.row_labelling(), task.encode(frame)
        >>> labelling.most, labelling.present(targets).tolist()
        (5, [[1.0], [0.0]])
    """

    most: int
    present: Callable[[Tensor], Tensor]
    confidence: Callable[[Tensor], Tensor]
    things: Callable[[Tensor, Tensor], Tensor]
    merged: Callable[[Tensor, Tensor, Tensor], Tensor]
