"""How many epochs a fit plans for, where its time is limited."""

from __future__ import annotations

import numbers
import re
import time
from collections.abc import Mapping
from typing import Any, final

from cotrain._base import InvalidArgumentError

#: A plan that is shortened leaves so much of the limit unused, so that epochs that take a little longer than
#: those before do not shorten it again, in the middle of the fall of the learning rate.
MARGIN = 0.05
_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_TEXT = re.compile(r"(?:(\d+(?:\.\d+)?)h)?(?:(\d+(?:\.\d+)?)m)?(?:(\d+(?:\.\d+)?)s)?")


def seconds_of(limit: float | str) -> float:
    """Return a time in seconds.

    Args:
        limit: seconds > 0, or a text such as "90s", "10m" or "1h30m".

    Raises:
        InvalidArgumentError: it is neither.

    Example:
        >>> seconds_of("1h30m"), seconds_of("90"), seconds_of(90)
        (5400.0, 90.0, 90.0)
    """
    found = 0.0
    if isinstance(limit, str):
        text = limit.strip().lower()
        match = _TEXT.fullmatch(text)
        if re.fullmatch(r"\d+(\.\d+)?", text):
            found = float(text)
        elif match is not None:
            found = sum(float(n or 0) * unit for n, unit in zip(match.groups(), _UNITS.values(), strict=True))
    elif isinstance(limit, numbers.Real) and not isinstance(limit, bool):
        found = float(limit)
    if not 0 < found < float("inf"):
        raise InvalidArgumentError(
            f"training.time_limit is {limit!r}: expected seconds, or a time such as 90s, 10m or 1h30m."
        )
    return found


@final
class TimePlan:
    """The epochs that a fit plans for, fewer of them when they turn out not to fit into its time.

    After e epochs that took t seconds, validation included, ⌊(L - t) / (t / e)⌋ more fit into the limit L. If
    these are fewer than are planned the plan is shortened to as many as fit into 95 % of it, so that the
    learning rate, a function of the step and of the plan, ends at zero in time. It is never lengthened. One
    epoch is always run to its end.

    Args:
        limit: L, time of the whole fit, that before an interruption included, see `seconds_of`; `None`: none.
        epochs: that are planned at first.

    Example:
        >>> plan = TimePlan(None, 20)
        >>> plan.end_epoch(1), plan.epochs
        ('', 20)
    """

    def __init__(self, limit: float | str | None, epochs: int) -> None:
        self.limit, self.epochs = None if limit is None else seconds_of(limit), epochs
        self._before, self._since = 0.0, time.monotonic()

    @property
    def seconds(self) -> float:
        """Seconds that the fit has taken, in all processes that have gone on with it."""
        return self._before + time.monotonic() - self._since

    def start(self) -> None:
        """Count from now on: what came before was not the fit."""
        self._since = time.monotonic()

    def end_epoch(self, done: int) -> str:
        """Look at the plan after a number of epochs; return what has become of it, "" where it stands.

        Args:
            done: epochs that are over, ≥ 1.
        """
        if self.limit is None or done >= self.epochs:
            return ""
        each = self.seconds / done
        if done + _fitting(self.limit - self.seconds, each) >= self.epochs:
            return ""
        planned = self.epochs
        self.epochs = done + _fitting((1 - MARGIN) * self.limit - self.seconds, each)
        return (
            f"An epoch takes {each:.3g} s: {self.epochs} of {planned} fit into the time limit of "
            f"{self.limit:.3g} s, and the learning rate now ends with these."
        )

    def state_dict(self) -> dict[str, Any]:
        """Return plain values; nothing without a limit, so that equal fits leave equal files."""
        if self.limit is None:
            return {}
        return {"epochs": self.epochs, "seconds": self.seconds}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave: what was used up before an interruption stays used up."""
        if not state:
            return
        self.epochs = min(self.epochs, int(state["epochs"]))
        self._before, self._since = float(state["seconds"]), time.monotonic()


def _fitting(left: float, each: float) -> int:
    """Return how many epochs fit into the seconds that are left."""
    return max(0, int(left // each)) if each > 0 else 10**9
