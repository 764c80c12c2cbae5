"""A value of the configuration that is searched for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self, final

from cotrain._base import ConfigError, did_you_mean

if TYPE_CHECKING:
    import optuna

_KEYS = ("low", "high", "log", "step")


@final
@dataclass(frozen=True)
class SearchDimension:
    """A key of the configuration with the values that it may have.

    Args:
        key: where it stands, with dots, as for `--set`.
        low: the least value of a range; whole numbers if `low` and `high` are.
        high: the largest value.
        log: whether the logarithm is searched evenly; needs low > 0.
        step: distance between two values of a range; `None`: any value.
        choices: the values themselves, instead of a range.
    """

    key: str
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float | None = None
    choices: tuple[Any, ...] = ()

    @classmethod
    def parse(cls, key: str, spec: object) -> Self:
        """Read {low: ..., high: ..., log: true, step: ...} or a list of values.

        Raises:
            ConfigError: it is neither, or the range is empty.

        Example:
            >>> rates = {"low": 1e-4, "high": 1e-2, "log": True}
            >>> SearchDimension.parse("training.learning_rate", rates).ends()
            [0.0001, 0.01]
            >>> SearchDimension.parse("sharing", ["HardSharing", "MMoE"]).ends()
            ['HardSharing', 'MMoE']
        """
        where = f"tune.fields.{key}"
        if isinstance(spec, list | tuple):
            if not spec:
                raise ConfigError(f"{where}: the list of choices is empty.")
            return cls(key, choices=tuple(spec))
        if not isinstance(spec, Mapping):
            raise ConfigError(
                f"{where}: expected a range such as {{low: 0.001, high: 0.1, log: true}} or a list of "
                f"values, got {spec!r}."
            )
        for name in spec:
            if name not in _KEYS:
                raise ConfigError(f"{where}: a range has no {name!r}: {did_you_mean(str(name), _KEYS)}")
        low, high = (_number(spec.get(name), f"{where}.{name}") for name in ("low", "high"))
        log, step = bool(spec.get("log", False)), spec.get("step")
        if low >= high:
            raise ConfigError(f"{where}: low={low!r} is not below high={high!r}.")
        if log and low <= 0:
            raise ConfigError(f"{where}: log needs low > 0, got {low!r}.")
        if step is not None and (log or _number(step, f"{where}.step") <= 0):
            raise ConfigError(f"{where}: step is {step!r}: expected a positive number, and no log beside it.")
        return cls(key, low, high, log, step=step)

    def ends(self) -> list[Any]:
        """Return the values that show whether all are allowed: both ends, or every choice."""
        return list(self.choices) if self.choices else [self.low, self.high]

    def suggest(self, trial: optuna.Trial) -> Any:
        """Return the value of this trial."""
        if self.choices:
            # As text, since a choice may be a mapping with options.
            chosen = trial.suggest_categorical(self.key, [json.dumps(choice) for choice in self.choices])
            return json.loads(str(chosen))
        if isinstance(self.low, int) and isinstance(self.high, int):
            step = 1 if self.step is None else int(self.step)
            return trial.suggest_int(self.key, self.low, self.high, log=self.log, step=step)
        return trial.suggest_float(self.key, self.low, self.high, log=self.log, step=self.step)

    def shown(self, value: Any) -> str:
        """Return a value as a person writes it, from what the storage keeps."""
        if self.choices:
            value = json.loads(value)
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return f"{value:.4g}"


def _number(value: object, where: str) -> float:
    if isinstance(value, str):
        # YAML reads 1e-3 as text: it wants 1.0e-3.
        try:
            return float(value)
        except ValueError:
            pass
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ConfigError(f"{where}: expected a number, got {value!r}.")
    return value
