"""What is compared with what: the `compare` section of a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, final

from cotrain._base import InvalidArgumentError, check_whole
from cotrain.balancing import Balancer
from cotrain.cotraining import CoTraining
from cotrain.networks import Sharing

Reference = Literal["trees", "single_task", "equal", "pooled"]
Sweep = Literal["every_seed", "first_seed"]

#: Learning rates that are tried by default, as factors of the one in `training`.
FACTORS = (0.5, 1.0, 2.0)


@final
class ComparisonSettings:
    """A grid of contenders under the same budget, splits and seeds.

    Args:
        sharing: architectures; default: the one of the configuration.
        balancers: methods; default: the one of the configuration. Every sharing meets every balancer.
        cotraining: ways of co-training, `None` (null) for none; default: the one of the configuration. Every
            pair of sharing and balancer meets each of them.
        references: what stands beside them. "single_task": one network per task, which the verdict is about;
            "equal": joint training with equal weights; "trees": gradient-boosted trees per target, of the
            library that `trees` names, at one seed, since they hardly depend on it; "pooled": one head
            learned on the stacked labels of all tasks, where these are of one kind. The last two are of
            tasks with one answer a row. The best constant prediction is always there.
        seeds: number of seeds, ≥ 3: with fewer there is no telling luck from gain.
        learning_rates: step sizes that every network, the references too, tries; default half, once and
            twice the one in `training`. Trees try as many, around their own.
        sweep: "every_seed": all of them at every seed, where the one that is best on the validation rows is
            kept, so that the luck of the choice is part of the spread over seeds; "first_seed": the choice
            of the first seed holds for all, at a fraction of the cost.
        folds: in how many parts the labelled rows are divided, each of which is the test of its own fits
            (cross-validation), ≥ 2: five times the fits for five folds, and every row is a test row once. For
            tables of less than about a thousand rows, whose test part says little. Learning rates are chosen
            on validation rows within each fold. Takes the place of `split.test`; groups stay whole. For tasks
            with one answer a row. Default `None`: one test part.
        smallest_effect: a share of the reference's value, in [0, 1), below which no difference matters to
            you: 0.01 is 1 %. Where the whole interval is within it the word is "no difference that matters";
            a comparison that could not have seen so much says how many seeds would.

    Raises:
        InvalidArgumentError: a value is out of its range.

    Example:
        >>> ComparisonSettings(seeds=2)
        Traceback (most recent call last):
        cotrain._base._errors.InvalidArgumentError: compare.seeds is 2: expected at least 3, ...
    """

    def __init__(
        self,
        sharing: Sequence[Sharing] | None = None,
        balancers: Sequence[Balancer] | None = None,
        *,
        cotraining: Sequence[CoTraining | None] | None = None,
        references: Sequence[Reference] = ("trees", "single_task", "equal"),
        seeds: int = 5,
        learning_rates: Sequence[float] | None = None,
        sweep: Sweep = "every_seed",
        folds: int | None = None,
        smallest_effect: float = 0.01,
    ) -> None:
        self.seeds = seeds
        self.folds = folds
        check_whole(self, "compare")
        if seeds < 3:
            raise InvalidArgumentError(
                f"compare.seeds is {seeds!r}: expected at least 3, since one lucky seed proves nothing."
            )
        if folds is not None and folds < 2:
            raise InvalidArgumentError(
                f"compare.folds is {folds!r}: expected 2 or more, such as 5, or null for one test part."
            )
        if not 0 <= smallest_effect < 1:
            raise InvalidArgumentError(
                f"compare.smallest_effect is {smallest_effect!r}: expected a share in [0, 1), such as 0.01."
            )
        if learning_rates is not None and not (learning_rates and all(rate > 0 for rate in learning_rates)):
            raise InvalidArgumentError(
                f"compare.learning_rates is {learning_rates!r}: expected one or more positive numbers."
            )
        if "single_task" not in references:
            raise InvalidArgumentError(
                f"compare.references is {list(references)!r}: expected single_task among them, since the "
                "verdict is about the difference to it."
            )
        self.sharing = None if sharing is None else list(sharing)
        self.balancers = None if balancers is None else list(balancers)
        self.cotraining = None if cotraining is None else list(cotraining)
        self.references = list(references)
        self.learning_rates = None if learning_rates is None else list(learning_rates)
        self.sweep: Sweep = sweep
        self.smallest_effect = smallest_effect
