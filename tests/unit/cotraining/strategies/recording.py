"""A factory that notes what a strategy asks for, and peers that are names only."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from cotrain.tasks import Binary, Regression, Task


class RecordingFactory:
    """Makes named stand-ins for peers."""

    def __init__(self, tasks: Sequence[Task] | None = None, *, differ: bool = True) -> None:
        self.differ = differ
        self.tasks = [Binary("sold"), Regression("price")] if tasks is None else list(tasks)

    def network(self, name: str, tasks: Any = None, view: Any = None, **options: Any) -> Any:
        of = [task.name for task in self.tasks if tasks is None or task in tasks]
        return SimpleNamespace(name=name, tasks=of, view=view, **options)

    def estimator(self, name: str, classifier: str, regressor: str, options: Any, **how: Any) -> Any:
        return SimpleNamespace(name=name, classifier=classifier, regressor=regressor, options=options, **how)

    def views(self, names: Any, n_random: int) -> list[Any]:
        return [f"view {name}" for name in (names or range(n_random))]


def named(strategy: Any) -> list[str]:
    """Return the names of a strategy's peers."""
    return [peer.name for peer in strategy.peers(RecordingFactory())]
