"""What a rule of mixing says: the share of every source in a batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor

from cotrain.data.sources._row_sources import RowSources


class Mixing(ABC):
    """How many rows of each source a batch holds.

    A rule gives shares; `MixedOrder` makes whole rows of them, step by step.
    """

    #: Whether it says something of the rows of one source: `Learner` refuses what would have no effect.
    of_one_source: ClassVar[bool] = False

    @abstractmethod
    def shares(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """Return the share of each source in a batch, all above 0, in any unit.

        Args:
            sizes: source -> its training rows with a label, each ≥ 1; sources without such rows are left out.
        """

    def over(
        self, sources: RowSources | None, labelled: Tensor, tasks: Sequence[str]
    ) -> tuple[RowSources | None, Mixing]:
        """Return the groups of rows that have shares, and the rule that gives them; default: the sources.

        Args:
            sources: of the N training rows; `None`: there is one.
            labelled: bool [N, K] on the host, whether a row has a label of a task.
            tasks: names of the K tasks.
        """
        return sources, self

    def require(self, names: Sequence[str]) -> None:  # noqa: B027 - most rules fit any sources
        """Raise `InvalidArgumentError` if the rule does not fit sources of these names."""
