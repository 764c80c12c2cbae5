"""What one word asks for: how much work a fit is worth."""

from __future__ import annotations

import copy
from typing import Literal, get_args

from cotrain._base import check_choice
from cotrain.training import Training

Preset = Literal["fast", "good", "best"]
Answer = Literal["joint", "auto"]


def apply_preset(preset: str, training: Training, answer: Answer) -> tuple[Training, Answer]:
    """Return the settings that a preset stands for.

    Args:
        preset: "fast": a quarter of the epochs that suit the rows; "good": as it is; "best": `answer: auto`.
        training: of the user; epochs that he has given stay.
        answer: of the user.

    Raises:
        InvalidArgumentError: there is no such preset.

    Example:
        >>> training, answer = apply_preset("fast", Training(), "joint")
        >>> training.budget(500).epochs, Training().budget(500).epochs, answer
        (47, 188, 'joint')
        >>> apply_preset("best", Training(epochs=3), "joint")[1]
        'auto'
    """
    check_choice("Learner", get_args(Preset), preset=preset)
    if preset == "fast" and training.epochs == "auto":
        training = copy.copy(training)
        training.epochs = "fast"
    return training, "auto" if preset == "best" else answer
