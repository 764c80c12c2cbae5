"""What one word asks for: how much work a fit is worth."""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Literal, final, get_args

from cotrain._base import check_choice
from cotrain.cotraining import CoTraining
from cotrain.training import Training

Preset = Literal["fast", "good", "best"]
Answer = Literal["joint", "auto"]
#: Networks of an ensemble. More gain less: half of what many could gain over one is gained by two, two thirds
#: by three, if errors are alike and independent.
BEST_ENSEMBLE = 3


@final
@dataclass(frozen=True)
class Effort:
    """The settings that presets are about, as the user gave them or as a preset fills them in.

    Args:
        training: its `epochs` are open while they are "auto".
        answer: `None`: open.
        ensemble: `None`: open.
        cotraining: that of the learner, which no preset sets.
    """

    training: Training
    answer: Answer | None = None
    ensemble: int | None = None
    cotraining: CoTraining | None = None

    def filled(self, preset: str) -> Effort:
        """Return the settings with what a preset stands for, where nobody has said otherwise.

        Args:
            preset: "fast": a quarter of the epochs that suit the rows; "good": as it is; "best":
                `answer: auto` and, unless there is co-training, `ensemble: 3`.

        Raises:
            InvalidArgumentError: there is no such preset.

        Example:
            >>> effort = Effort(Training(), answer="joint").filled("best")
            >>> effort.answer, effort.ensemble
            ('joint', 3)
            >>> fast = Effort(Training()).filled("fast").training
            >>> fast.budget(500).epochs, Training().budget(500).epochs
            (47, 188)
        """
        check_choice("Learner", get_args(Preset), preset=preset)
        if preset == "fast" and self.training.epochs == "auto":
            training = copy.copy(self.training)
            training.epochs = "fast"
            return replace(self, training=training)
        if preset == "best":
            ensemble = self.ensemble if self.ensemble or self.cotraining else BEST_ENSEMBLE
            return replace(self, answer=self.answer or "auto", ensemble=ensemble)
        return self
