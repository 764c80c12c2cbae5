"""How long a network is trained, and what of it is kept: numbers for what the user left open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, final

#: Rows in a step where the user names none: of a table, and of sentences, which hold many labels each, and of
#: which corpora have few: 4,000 in batches of 256 would be 16 steps an epoch.
ROWS_A_STEP, RAGGED_ROWS_A_STEP = 256, 32
#: Sounds in a step: half as many, since what is heard where has to be found out in steps.
SOUNDS_A_STEP = 16
#: Peak step size, and the share of the steps in which it is risen to, where the user names none; and those of
#: sounds. CTC first has to leave "nothing is said", and is long in coming back from where large steps take it
#: before: on strings of spoken digits (300 steps of 16, text and speaker) the word error rate of validation
#: rows was .29 with a rise over a twentieth of the steps, and .03 over three tenths.
LEARNING_RATE, LEARNING_RATE_OF_SOUNDS = 2e-3, 6e-3
WARMUP, WARMUP_OF_SOUNDS = 0.05, 0.3
#: Pictures in a step, of fewer than 5,000 and of more: a picture holds thousands of labels, and what is asked
#: of pixels and boxes wants steps. 1,200 pictures with three tasks were learned well in 2,000 steps of 8.
PICTURES_A_STEP, MANY_PICTURES_A_STEP = 8, 32
#: Up to how many labelled rows a table gets fewer rows in a step: batches of 256 would be too few of them.
SMALL_TABLES = ((1000, 32), (5000, 64))
#: What fewer than 5,000 rows want: steps, and the fewest and the most epochs for these. Of a table of 768
#: buildings the mean rmse of two targets is .92 after 40 epochs, 680 steps, and .48 after 200. 1,200 pictures
#: with three tasks were learned well in 2,000 steps of 8. Spans in 1,050 sentences had an F1 of .66 after
#: 1,320 steps of 16 and .74 after 3,630; where a step costs many times that of a table 2,000 must do.
FEW = {
    "vectors": (3000, 1, 200),
    "pictures": (2000, 10, 40),
    "sounds": (2000, 20, 60),
    "others": (2000, 20, 60),
}
#: Epochs of more rows, of which the best is among the first ten as a rule.
EPOCHS = 20
#: Most tasks that keep an epoch of their own where the user does not say.
MOST_OWN_EPOCHS = 10

Select = Literal["combined", "per_task", "last"]
#: What rows are made of: vectors of a table, pictures, sounds, or anything else, such as words.
Kind = Literal["vectors", "pictures", "sounds", "others"]


@final
@dataclass(frozen=True)
class Budget:
    """What is left of the settings' "auto" once the rows are known.

    Args:
        epochs: passes over the labelled rows at most.
        batch_size: rows in a step.
        patience: epochs without a better value of what is kept; `None`: all epochs are run.
        select: whose best epoch is kept.
        learning_rate: peak step size.
        warmup: share of the steps in which the step size rises.

    Example:
        >>> from cotrain.training import Training
        >>> Training().budget(500)
        Budget(epochs=188, batch_size=32, patience=38, select='per_task', learning_rate=0.002,
               warmup=0.05)
    """

    epochs: int
    batch_size: int
    patience: int | None
    select: Select
    learning_rate: float = LEARNING_RATE
    warmup: float = WARMUP


def rows_a_step(n_labelled: int, *, kind: Kind = "vectors", ragged: bool = False) -> int:
    """Return the batch size for a number of labelled rows of a kind, of different length or not."""
    if kind == "pictures":
        return PICTURES_A_STEP if n_labelled < SMALL_TABLES[-1][0] else MANY_PICTURES_A_STEP
    if kind == "sounds":
        return SOUNDS_A_STEP
    small = next((size for most, size in SMALL_TABLES if n_labelled < most), ROWS_A_STEP)
    return RAGGED_ROWS_A_STEP if ragged else small


def epochs_for(n_labelled: int, batch_size: int, *, kind: Kind = "vectors") -> int:
    """Return the number of passes that suits a number of labelled rows of a kind.

    Example:
        >>> epochs_for(500, 32), epochs_for(30, 32), epochs_for(30_000, 256)
        (188, 200, 20)
    """
    if n_labelled >= SMALL_TABLES[-1][0]:
        return EPOCHS
    steps, fewest, most = FEW[kind]
    return min(most, max(fewest, -(-steps // max(1, -(-n_labelled // batch_size)))))
