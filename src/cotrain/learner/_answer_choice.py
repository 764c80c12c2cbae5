"""Who answers for a task: the joint network unless the validation rows prefer another by a standard error."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from itertools import product
from typing import Any, Self, final

import numpy as np
import torch
from torch import Tensor

from cotrain._base._ragged import Leaf, labelled_rows, padded
from cotrain.cotraining.guards._round_choice import ONE_SIGMA
from cotrain.evaluation import TaskRecords, difference_of_records, too_few_to_tell
from cotrain.evaluation._padded_scores import scores_of, truth_beside, truth_of
from cotrain.tasks import Metric, Task
from cotrain.tasks._metric import known_and_weights
from cotrain.training._tempered_loss import selects_by_loss

#: Those who may answer.
JOINT, ALONE, TREES, BLEND = CONTENDERS = ("joint", "alone", "trees", "blend")
#: Shares that a member of a blend may have: fifteen points on the triangle of three members.
SHARES = (0.0, 0.25, 0.5, 0.75)


def _no_record(scores: np.ndarray, targets: np.ndarray, mask: np.ndarray) -> np.ndarray:
    raise TypeError("a loss is one of outputs, and not of scores")


def _mean_loss(records: np.ndarray) -> float:
    return float(records[:, 0].sum() / records[:, 1].sum()) if records[:, 1].any() else math.nan


#: The mean loss of the labelled entries, from the sum and the number of those of every row.
LOSS = Metric("loss", "min", _no_record, _mean_loss)


@final
@dataclass(frozen=True)
class Answer:
    """Who answers for one task, and what the validation rows said.

    Args:
        by: "joint", "alone", "trees" or "blend".
        weights: member -> its share of the answer; they add up to 1.
        metric: what was compared.
        values: contender -> its value on the validation rows.
        n_labelled: validation rows with a label.
        reason: why, as half a sentence.

    Example:
        >>> Answer("trees", {"trees": 1.0}).title
        'trees'
        >>> Answer("blend", {"joint": 0.25, "trees": 0.75}).title
        '0.25 joint + 0.75 trees'
    """

    by: str = JOINT
    weights: Mapping[str, float] = field(default_factory=lambda: {JOINT: 1.0})
    metric: str = ""
    values: Mapping[str, float] = field(default_factory=dict)
    n_labelled: int = 0
    reason: str = ""

    @property
    def title(self) -> str:
        """Who answers, in a few words."""
        if len(self.weights) == 1:
            return self.by
        return " + ".join(f"{weight:g} {member}" for member, weight in self.weights.items())

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain JSON values."""
        values = {name: value if math.isfinite(value) else None for name, value in self.values.items()}
        return {**asdict(self), "values": values}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Make what `to_json` was made from.

        Raises:
            ValueError: the shares are none.
        """
        found = cls(
            str(values["by"]),
            {str(member): float(share) for member, share in values["weights"].items()},
            str(values["metric"]),
            {name: math.nan if value is None else float(value) for name, value in values["values"].items()},
            int(values["n_labelled"]),
            str(values["reason"]),
        )
        shares = found.weights
        if found.by not in CONTENDERS or not set(shares) <= set(CONTENDERS[:3]):
            raise ValueError(f"nobody is called {found.by!r} or {list(shares)}")
        if any(not 0 < share <= 1 for share in shares.values()) or abs(sum(shares.values()) - 1) > 1e-9:
            raise ValueError(f"shares of {dict(shares)}")
        return found


@final
@dataclass(frozen=True)
class HeldLabels:
    """The validation rows of one task.

    Args:
        task: fitted.
        targets: coded, as in `Examples`.
        mask: where there are labels.
        dependence: `groups` or `times` of the rows, see `paired_bootstrap`; nothing where each stands alone.
    """

    task: Task
    targets: Leaf
    mask: Leaf
    dependence: Mapping[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def metric(self) -> Metric:
        """What is compared, which is what the best epoch is chosen by.

        That is the task's selecting metric, or where this counts hits or has few labels the loss.
        """
        selecting, targets, mask = self.task.chosen_metrics()[0], self.targets, self.mask
        of_rows = isinstance(targets, Tensor) and isinstance(mask, Tensor)
        return LOSS if of_rows and selects_by_loss(self.task, selecting, targets, mask) else selecting

    @cached_property
    def labelled(self) -> np.ndarray:
        """Whether each row has a label, bool [N]."""
        return labelled_rows(self.mask).numpy()

    def too_few(self, output: Leaf) -> str:
        """Return why the labels cannot tell anybody from another; "" where they can."""
        truth = truth_of(self.task, self.targets, self.mask)
        truth = truth_beside(self.task, truth, padded(output).numpy())
        groups, times = self.dependence.get("groups"), self.dependence.get("times")
        return too_few_to_tell(self.task, *truth, groups=groups, times=times, part="validation")

    def records(self, output: Leaf) -> np.ndarray:
        """Return what the metric keeps of every row, [N, R]."""
        if self.metric is LOSS:
            targets, mask = padded(self.targets), padded(self.mask)
            losses = self.task.losses(padded(output).double(), targets).double()
            kept = torch.where(mask > 0, losses * mask, 0.0).sum(dim=1)
            return torch.stack([kept, mask.sum(dim=1).double()], dim=1).numpy()
        records = TaskRecords(self.task, [self.metric], n_rows=len(output))
        records.add(output, self.targets, self.mask)
        return records.of(self.metric)

    @cached_property
    def weights(self) -> np.ndarray | None:
        """How much each row counts, [N], where its records do not say so; `None`: all alike."""
        return None if self.metric is LOSS else known_and_weights(padded(self.mask).numpy())[1]

    def value(self, records: np.ndarray) -> float:
        """Return the value of the metric; NaN where it is undefined."""
        return self.metric.value_of(records, self.weights)

    def worth(self, records: np.ndarray) -> float:
        """Return the value turned so that more is better; -inf where it is undefined."""
        value = self.value(records)
        return -math.inf if math.isnan(value) else value if self.metric.direction == "max" else -value

    def as_good(self, one: np.ndarray, best: np.ndarray) -> bool:
        """Whether records are those of one not worse than the best by more than a standard error.

        The error is that of the paired difference over rows, groups or blocks of time. Where there is none,
        because the metric is undefined on resamples, nothing tells the two apart.
        """
        gap = difference_of_records(
            self.metric,
            [[best], [one]],
            self.labelled,
            weights=self.weights,
            groups=self.dependence.get("groups"),
            times=self.dependence.get("times"),
            level=ONE_SIGMA,
            n_resamples=200,
        )
        return not gap.value > (gap.high - gap.low) / 2


def choose_answer(held: HeldLabels, outputs: Mapping[str, Leaf], *, blend: bool = True) -> Answer:
    """Return who answers for a task, by the rule of one standard error.

    With m the task's metric on the validation rows (see `HeldLabels.metric`), turned so that more is better,
    b the contender of largest m, and se(b - c) the standard error of their paired difference over these rows
    (or groups, or blocks of time), the answer is the first c with

        m(b) - m(c) ≤ se(b - c)     of:  joint;  the better one of alone and trees;  the blend.

    Nobody is taken who is worse than the best by more than a standard error, and one more contender who is
    not the best of its own kind changes nothing. The blend is the mean of the members' scores (probabilities,
    values) with the shares, multiples of a quarter, of largest m.

    Source: Breiman et al., "Classification and Regression Trees", 1984, section 3.4.3, where the simplest
    tree within one standard error of the best one is taken; there the error is that of the best one alone.

    Args:
        held: the validation rows.
        outputs: "joint", "alone", "trees" -> outputs on them; "joint" must be there.
        blend: whether the members may be mixed; only tasks whose scores can be turned into outputs can.
    """
    n_labelled, too_few = int(held.labelled.sum()), held.too_few(outputs[JOINT])
    if too_few or len(outputs) < 2:
        reason = f"too few to choose by: {too_few}" if too_few else "there is no other"
        return Answer(metric=held.metric.name, n_labelled=n_labelled, reason=reason)
    records = {name: held.records(outputs[name]) for name in CONTENDERS if name in outputs}
    weights: dict[str, Mapping[str, float]] = {name: {name: 1.0} for name in records}
    if blend:
        scores = {name: scores_of(held.task, outputs[name]) for name in records}
        mixed = [(held.records(blended(held.task, scores, one)), one) for one in shares_of(list(records))]
        # The first of the best, the most even ones first.
        records[BLEND], weights[BLEND] = max(mixed, key=lambda pair: held.worth(pair[0]))
    worth = {name: held.worth(of) for name, of in records.items()}
    best = max(records, key=lambda name: worth[name])
    single = max((name for name in records if name in (ALONE, TREES)), key=lambda name: worth[name])
    # An undefined figure of the joint network is no figure to beat it by.
    order = [JOINT, single, *([BLEND] if blend else [])] if worth[JOINT] > -math.inf else [JOINT]
    by = next((c for c in order if c == best or held.as_good(records[c], records[best])), JOINT)
    reason = (
        "the best on the validation rows" if by == best else f"within a standard error of the best ({best})"
    )
    values = {name: held.value(of) for name, of in records.items()}
    return Answer(by, weights[by], held.metric.name, values, n_labelled, reason)


def blended(task: Task, scores: Mapping[str, np.ndarray], weights: Mapping[str, float]) -> Tensor:
    """Return the output [N, O] whose scores are the weighted mean of the members' scores."""
    mean = np.sum([share * scores[name] for name, share in weights.items()], axis=0)
    output = task.output_of_scores(torch.from_numpy(mean))
    assert output is not None
    return output


def shares_of(members: Sequence[str]) -> list[dict[str, float]]:
    """Return the mixtures of two members and more, the most even ones first.

    Example:
        >>> shares_of(["joint", "trees"])[0]
        {'joint': 0.5, 'trees': 0.5}
        >>> len(shares_of(["joint", "alone", "trees"]))
        12
    """
    grid = [shares for shares in product(SHARES, repeat=len(members)) if sum(shares) == 1]
    grid.sort(key=lambda shares: (max(shares), [-share for share in shares]))
    return [{name: s for name, s in zip(members, shares, strict=True) if s} for shares in grid]
