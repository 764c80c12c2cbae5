"""A value of the configuration that is searched for."""

from __future__ import annotations

import json
import math
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
        low: the least value of a range; whole numbers if `low`, `high` and `step` are.
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
            >>> SearchDimension.parse("training.learning_rate", rates).examples()[:2]
            [0.0001, 0.01]
            >>> SearchDimension.parse("sharing", ["HardSharing", "MMoE"]).examples()
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
        log, step = spec.get("log", False), spec.get("step")
        if not isinstance(log, bool):
            raise ConfigError(f"{where}: log is {log!r}: expected true or false.")
        if low >= high:
            raise ConfigError(f"{where}: low={low!r} is not below high={high!r}.")
        if log and low <= 0:
            raise ConfigError(f"{where}: log needs low > 0, got {low!r}.")
        if step is not None and (log or _number(step, f"{where}.step") <= 0):
            raise ConfigError(f"{where}: step is {step!r}: expected a positive number, and no log beside it.")
        step = None if step is None else _number(step, f"{where}.step")
        if step is not None and step > high - low:
            raise ConfigError(
                f"{where}: step is {step!r}, more than the {high - low:g} from low to high, so that {low!r} "
                "would be the only value: take a smaller one."
            )
        return cls(key, low, high, log, step=step)

    @property
    def whole(self) -> bool:
        """Whether a range is one of whole numbers."""
        ends_whole = isinstance(self.low, int) and isinstance(self.high, int)
        return ends_whole and float(self.step or 1).is_integer()

    def examples(self) -> list[Any]:
        """Return values that show whether all are allowed: every choice, or both ends and one between them.

        The ends of {low: 2.0, high: 4.0} may stand where whole numbers are wanted, what is between may not.
        """
        if self.choices:
            return list(self.choices)
        step = self.step or (1 if self.whole else (self.high - self.low) / math.pi)
        return [self.low, self.high, self.low + (int(step) if self.whole else step)]

    def suggest(self, trial: optuna.Trial) -> Any:
        """Return the value of this trial."""
        if self.choices:
            # As text, since a choice may be a mapping with options.
            chosen = trial.suggest_categorical(self.key, [json.dumps(choice) for choice in self.choices])
            return json.loads(str(chosen))
        if self.whole:
            low, high, step = int(self.low), int(self.high), int(self.step or 1)
            return trial.suggest_int(self.key, low, high, log=self.log, step=step)
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
