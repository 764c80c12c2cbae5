"""What strategies have in common whose networks go on while their labels change."""

from __future__ import annotations

import math
from collections.abc import Sequence

from cotrain._base import InvalidArgumentError
from cotrain.cotraining.peers import Online
from cotrain.cotraining.selection import KBest, Selector
from cotrain.cotraining.strategies._base import Strategy
from cotrain.cotraining.views._text_augmentation import TextAugmentation
from cotrain.tasks import Task


class OnlineStrategy(Strategy):
    """Labels are decided anew before every pass over the rows, by averages of the weights.

    The networks begin at the supervised start and go on through all rounds; a round is a checkpoint of them.

    See `MeanTeacher` for the arguments and errors.
    """

    def __init__(
        self,
        selector: Selector | None = None,
        *,
        align: bool = True,
        gaussian: float = 0.3,
        swap: float = 0.2,
        average: float = 0.99,
        true_share: float = 0.5,
        number_weight: float = 0.0,
        text: TextAugmentation | None = None,
    ) -> None:
        ranges = [
            ("gaussian", gaussian, 0 <= gaussian < math.inf, "a finite number of at least 0"),
            ("swap", swap, 0 <= swap < 1, "a share in [0, 1)"),
            ("average", average, 0 < average < 1, "a decay in (0, 1)"),
            ("true_share", true_share, 0 < true_share <= 0.5, "a share in (0, 0.5]"),
            ("number_weight", number_weight, 0 <= number_weight <= 1, "a number in [0, 1]"),
        ]
        for name, value, right, expected in ranges:
            if not right:
                raise InvalidArgumentError(f"{type(self).__name__}({name}={value!r}): expected {expected}.")
        self.selector = selector or KBest(1.0, min_confidence=0.8, growing=False)
        self.align = align
        self.gaussian = gaussian
        self.swap = swap
        self.average = average
        self.true_share = true_share
        self.number_weight = number_weight
        self.text = text
        self.online = Online(gaussian, swap, average, true_share, text)

    def check_text(self, tasks: Sequence[Task]) -> None:
        """Refuse words that change places where their labels would not.

        Raises:
            InvalidArgumentError: a task has an answer for every word.
        """
        for task in tasks:
            if self.text is not None and self.text.swap and task.reads == "positions":
                raise InvalidArgumentError(
                    f"{type(self).__name__}(text=...): words change places, and the labels of task "
                    f"{task.name!r} for every word would not move along: give text a swap of 0."
                )
