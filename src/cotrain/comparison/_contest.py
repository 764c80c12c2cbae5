"""What is compared with what: the `compare` section of a configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, final

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Balancer
from cotrain.networks import Sharing

Reference = Literal["trees", "single_task", "equal"]

#: Learning rates that are tried by default, as factors of the one in `training`.
FACTORS = (0.5, 1.0, 2.0)


@final
class Contest:
    """A grid of contenders under the same budget, splits and seeds.

    Args:
        sharing: architectures; default: the one of the configuration.
        balancers: methods; default: the one of the configuration. Every sharing meets every balancer.
        references: what stands beside them. "single_task": one network per task, which the verdict is about;
            "equal": joint training with equal weights; "trees": gradient-boosted trees per target, at one
            seed, since they hardly depend on it. The best constant prediction is always there.
        seeds: number of seeds, ≥ 3: with fewer there is no telling luck from gain.
        learning_rates: step sizes of which every network, the references too, gets the one that is best on
            the validation rows at the first seed; default half, once and twice the one in `training`.

    Raises:
        InvalidArgumentError: a value is out of its range.

    Example:
        >>> Contest(seeds=2)
        Traceback (most recent call last):
        cotrain._base._errors.InvalidArgumentError: compare.seeds is 2: expected at least 3, ...
    """

    def __init__(
        self,
        sharing: Sequence[Sharing] | None = None,
        balancers: Sequence[Balancer] | None = None,
        *,
        references: Sequence[Reference] = ("trees", "single_task", "equal"),
        seeds: int = 5,
        learning_rates: Sequence[float] | None = None,
    ) -> None:
        if seeds < 3:
            raise InvalidArgumentError(
                f"compare.seeds is {seeds!r}: expected at least 3, since one lucky seed proves nothing."
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
        self.references = list(references)
        self.seeds = seeds
        self.learning_rates = None if learning_rates is None else list(learning_rates)
