"""What is searched: the `tune` section of a configuration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, final

from cotrain._base import ConfigError, constructor_parameters, expected_number
from cotrain.learner import Configuration
from cotrain.tuning._search_space import SearchDimension

Objectives = Literal["combined", "per_task"]


#: What of a learner a trial does not heed, since the table is read once and one network answers; and what of
#: a configuration is no part of a learner.
_UNHEEDED = ("missing", "source", "answer", "trees", "ensemble", "preset")
_NOT_OF_A_FIT = tuple(name for name in constructor_parameters(Configuration) if name != "learner")


@final
class Tuning:
    """A search for values that are good on the validation rows.

    Args:
        fields: key of the configuration -> its range {low, high, log, step}, or a list of choices. A key is
            written as for `--set`: "training.learning_rate", "encoder.width", "tasks.price.weight",
            "sharing". A trial fits one joint network to rows that are read and divided once: what is about
            the rows, or about who answers beside that network, is refused.
        task_weights: range of the static weight of each task. The balancer is then `Static`: the reference
            that every other one has to beat (Xin et al., "Do Current Multi-Task Optimization Methods in
            Deep Learning Even Help?", 2022, https://arxiv.org/abs/2209.11379).
        trials: number of fits, pruned ones included, ≥ 1.
        objectives: "combined": the mean gain over a constant on the validation rows; "per_task": the gain of
            each task for itself, which gives a Pareto front instead of one best trial.
        prune: whether a fit stops when its combined value, after an epoch, is below the median of the earlier
            trials at that epoch. With "per_task" nothing is pruned.
        startup: random trials before the search learns from them, and before any is pruned, ≥ 1.

    Raises:
        ConfigError: there is nothing to search for, or a value is out of its range.

    Example:
        >>> Tuning({"training.learning_rate": {"low": 1e-3, "high": 1e-4}})
        Traceback (most recent call last):
        cotrain._base._errors.ConfigError: tune.fields.training.learning_rate: low=0.001 is not below ...
    """

    def __init__(
        self,
        fields: Mapping[str, Any] | None = None,
        *,
        task_weights: Mapping[str, Any] | None = None,
        trials: int = 30,
        objectives: Objectives = "combined",
        prune: bool = True,
        startup: int = 5,
    ) -> None:
        for name, value in (("trials", trials), ("startup", startup)):
            if expected := expected_number(value, 1, whole=True):
                raise ConfigError(f"tune.{name} is {value!r}: {expected}.")
        self.fields = dict(fields or {})
        self.task_weights = None if task_weights is None else dict(task_weights)
        self.trials = trials
        self.objectives: Objectives = objectives
        self.prune = prune
        self.startup = startup
        if not self.fields and self.task_weights is None:
            raise ConfigError(
                "The section tune names nothing to search for: add fields, such as "
                "fields: {training.learning_rate: {low: 0.0005, high: 0.01, log: true}}, or task_weights."
            )
        if self.task_weights is not None and any(key.split(".")[0] == "balancer" for key in self.fields):
            raise ConfigError(
                "tune.task_weights makes the balancer Static: leave the balancer out of tune.fields."
            )
        self.parsed = [SearchDimension.parse(key, spec) for key, spec in self.fields.items()]

    def all_fields(self, configuration: Configuration) -> list[SearchDimension]:
        """Return every field, the weights of the tasks included, after a look at whether the job has it.

        Raises:
            ConfigError: the configuration has no such key, does not allow such a value, or no trial would
                heed it.
        """
        for field in self.parsed:
            _require_heeded(field.key)
            for value in field.examples():
                try:
                    configuration.changed({field.key: value})
                except ConfigError as error:
                    raise ConfigError(f"tune.fields.{field.key}: {error}") from error
        if self.task_weights is None:
            return list(self.parsed)
        weights = [
            SearchDimension.parse(f"weight of {task.name}", self.task_weights)
            for task in configuration.learner.tasks
        ]
        return [*self.parsed, *weights]

    def configuration_with(self, configuration: Configuration, values: Mapping[str, Any]) -> Configuration:
        """Return the job with the values of a trial.

        Args:
            configuration: the configuration.
            values: key of each field -> value.
        """
        known = {field.key for field in self.parsed}
        changed = {key: value for key, value in values.items() if key in known}
        if self.task_weights is not None:
            weights = [values[f"weight of {task.name}"] for task in configuration.learner.tasks]
            changed["balancer"] = {"kind": "Static", "weights_per_task": weights}
        return configuration.changed(changed)


def _require_heeded(key: str) -> None:
    """Raise `ConfigError` if a value of this key changes nothing of what a trial is judged by.

    Its trials would differ by chance or not at all, and the best one's value would be taken for found.
    """
    first = key.split(".")[0]
    if first in _UNHEEDED or first in _NOT_OF_A_FIT:
        hint = (
            " (choose among the epochs instead, training.epochs: [auto, fast])" if first == "preset" else ""
        )
        raise ConfigError(
            f"tune.fields.{key}: every trial fits one joint network to the same rows, and would not heed it: "
            f"leave it out{hint}."
        )
