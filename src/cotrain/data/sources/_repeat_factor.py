"""Rows with rare labels more often than others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import final

import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError, check_number
from cotrain.data.sources._base import Mixing
from cotrain.data.sources._given import GivenMixing
from cotrain.data.sources._row_sources import RowSources

#: The group of rows without any label. No task has this name: it is empty.
_UNLABELLED = ""


@final
class RepeatFactorMixing(Mixing):
    """Rows with rare labels come more often: a step holds enough rows of every task.

        r_i = min(most, max over the tasks that row i has a label of: (1 / f_t)^power)

    f_t: share of the labelled training rows that task t has a label of; r_i: how often row i comes, beside
    others. Rows form a group by the task that r_i is of, the rarest of theirs, and each group has its share
    of every step: it goes by labels, whether the rows come from one table or from several. Where all tasks
    have equally many labels nothing changes.

    It is the default for pictures of which some have no boxes, masks or depths: that is what such tasks learn
    from, and a step of few pictures holds few of them otherwise.

    Args:
        power: 0: all rows alike; 1: a task with half as many labels has its rows twice as often; in [0, 1].
        most: the largest r_i, ≥ 1: the few rows of a task with few labels are not shown over and over again.

    Raises:
        InvalidArgumentError: an argument is out of range.

    Example:
        >>> labelled = torch.tensor([[True, True, True, True], [True, False, False, False]]).T
        >>> groups, rule = RepeatFactorMixing().over(None, labelled, ["class", "mask"])
        >>> groups.names, groups.numbers.tolist(), rule.shares({"class": 3, "mask": 1})
        (('class', 'mask'), [1, 0, 0, 0], {'class': 3.0, 'mask': 4.0})

    Source: Gupta, Dollár and Girshick, "LVIS: A Dataset for Large Vocabulary Instance Segmentation", 2019,
    Appendix B, https://arxiv.org/abs/1908.03195: there of the classes of one task, with the square root of a
    threshold divided by f, and rows drawn at random; here of tasks, and the shares are kept to the row.
    """

    of_one_source = True

    def __init__(self, power: float = 1.0, most: float = 4.0) -> None:
        check_number("RepeatFactor", 0, 1, power=power)
        check_number("RepeatFactor", 1, most=most)
        self.power = float(power)
        self.most = float(most)

    def shares(self, sizes: Mapping[str, int]) -> dict[str, float]:
        """Raise `InvalidArgumentError`: sizes say nothing of labels; see `over`."""
        raise InvalidArgumentError(
            "RepeatFactor goes by the labels of rows, not by the sizes of sources: give MixedOrder the "
            "groups and the rule that RepeatFactor.over returns."
        )

    def over(
        self, sources: RowSources | None, labelled: Tensor, tasks: Sequence[str]
    ) -> tuple[RowSources | None, Mixing]:
        """Return the groups by rarest label, and their shares."""
        counts = labelled.sum(dim=0)
        n_rows = max(1, int(labelled.any(dim=1).sum()))
        factors = (n_rows / counts.clamp(min=1).double()).pow(self.power).clamp(max=self.most)
        # The task with the fewest labels; of equal ones the first.
        rank = torch.argsort(torch.argsort(counts, stable=True), stable=True)
        rarest = torch.where(labelled, rank, len(tasks)).argmin(dim=1)
        numbers = torch.where(labelled.any(dim=1), rarest, len(tasks))
        factor_of = {**dict(zip(tasks, factors.tolist(), strict=True)), _UNLABELLED: 1.0}
        names = (*tasks, _UNLABELLED)
        sizes = torch.bincount(numbers, minlength=len(names)).tolist()
        present = [place for place, size in enumerate(sizes) if size]
        places = torch.zeros(len(names), dtype=torch.int64)
        places[present] = torch.arange(len(present))
        groups = RowSources(tuple(names[place] for place in present), places[numbers])
        weights = {names[place]: sizes[place] * factor_of[names[place]] for place in present}
        return groups, GivenMixing(weights)
