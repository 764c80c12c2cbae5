"""All that one run of co-training is about, in one object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import final

from cotrain.cotraining._fit_cache import FitCache
from cotrain.cotraining._settings import CoTraining
from cotrain.cotraining.rounds._records import RoundRecord
from cotrain.cotraining.strategies import PeerFactory
from cotrain.tasks import Task
from cotrain.training import Examples


@final
@dataclass(frozen=True, kw_only=True)
class CoTrainingRun:
    """The data, the settings, and who makes, keeps and hears of the fits.

    Args:
        tasks: fitted tasks.
        examples: N training rows; a row without any label is part of the unlabelled pool, and so is every
            unlabelled cell of a labelled row. They are read and never written to.
        validation: rows to choose rounds on; they get no pseudo-labels, nor do training rows with the very
            same inputs. `None`: there are none.
        settings: rounds, guards, weights, and the strategy, or "auto".
        factory: makes the peers.
        seed: names every random stream.
        cache: remembers finished fits.
        callback: gets the record of every round when it ends.
        truth: all the training rows' labels, to measure the accuracy of what was accepted; never used for
            anything else.
        always_judged: whether the start is cross-fitted too where no round could answer, so that strategies
            can be compared.
    """

    tasks: Sequence[Task]
    examples: Examples
    validation: Examples | None
    settings: CoTraining
    factory: PeerFactory
    seed: int = 0
    cache: FitCache = field(default_factory=FitCache)
    callback: Callable[[RoundRecord], None] | None = None
    truth: Examples | None = None
    always_judged: bool = False
