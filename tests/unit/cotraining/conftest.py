"""Small problems, and peers that are fitted in a millisecond."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch
from sklearn.linear_model import LogisticRegression, Ridge

from cotrain import tasks as kinds
from cotrain._base import mix_seed
from cotrain.balancing import Equal
from cotrain.cotraining import CoTraining, CoTrainingResult, EstimatorPeer, Peer, View, random_views
from cotrain.cotraining._network_factory import NetworkFactory
from cotrain.cotraining.rounds._co_training_loop import CoTrainingLoop
from cotrain.cotraining.rounds._run import CoTrainingRun
from cotrain.networks import MLP, Encoder, HardSharing, InputSpec, MultiTaskNetwork
from cotrain.tasks import Task
from cotrain.training import Examples, Training


@dataclass
class LinearFactory:
    """Gives a linear model where a strategy asks for a network."""

    tasks: list[Task]
    named: dict[str, View] = field(default_factory=dict)
    classifier: Any = field(default_factory=lambda: LogisticRegression(C=10.0))
    differ: bool = True

    def network(
        self,
        name: str,
        tasks: Sequence[Task] | None = None,
        view: View | None = None,
        *,
        bootstrap: bool = False,
    ) -> Peer:
        return EstimatorPeer(name, tasks or self.tasks, self.classifier, Ridge(), view=view)

    def estimator(
        self,
        name: str,
        classifier: str,
        regressor: str,
        options: dict[str, Any],
        *,
        transductive: bool,
        regressor_options: dict[str, Any] | None = None,
    ) -> Peer:
        return EstimatorPeer(name, self.tasks, self.classifier, Ridge())

    def views(self, names: Sequence[str], n_random: int) -> list[View]:
        if names:
            return [self.named[name] for name in names]
        return random_views({"inputs": (4,)}, n_random, 0)


@dataclass
class Problem:
    tasks: list[Task]
    train: Examples
    truth: Examples
    validation: Examples
    factory: LinearFactory

    def run(self, settings: CoTraining, *, validation: bool = True, **more: Any) -> CoTrainingResult:
        return CoTrainingLoop(self.given(settings, validation=validation, **more)).run()

    def given(self, settings: CoTraining, *, validation: bool = True, **more: Any) -> CoTrainingRun:
        held = self.validation if validation else None
        return CoTrainingRun(
            tasks=self.tasks,
            examples=self.train,
            validation=held,
            settings=settings,
            **{"factory": self.factory, "truth": self.truth, **more},
        )

    def networks(self, settings: CoTraining, **more: Any) -> NetworkFactory:
        """Return a factory of small networks that are fitted in a tenth of a second."""
        training = Training(1, 32, learning_rate=1e-2, select="last", checkpoint_seconds=1e-3)
        return NetworkFactory(
            self.tasks,
            build=small_network,
            balancer=Equal(),
            settings=settings,
            **{"training": training, "shapes": {"inputs": (4,)}, **more},
        )


def small_network(name: str, tasks: Sequence[Task], encoder: Encoder | None = None) -> MultiTaskNetwork:
    """Make a network of four inputs whose initial weights the name chooses."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(mix_seed(0, name))
        used = encoder or MLP((16,), n_inputs=4, dropout=0.2)
        sharing = HardSharing().build(lambda: used.build(InputSpec()), [task.name for task in tasks])
        widths = sharing.widths()
        return MultiTaskNetwork(sharing, {task.name: task.head(widths[task.name]) for task in tasks})


def coded(tasks: Sequence[Task], x: np.ndarray, frame: pl.DataFrame) -> Examples:
    pairs = {task.name: task.encode(frame) for task in tasks}
    return Examples(
        {"inputs": torch.from_numpy(x).float()},
        {name: pair[0] for name, pair in pairs.items()},
        {name: pair[1] for name, pair in pairs.items()},
    )


def with_masks(examples: Examples, masks: dict[str, torch.Tensor]) -> Examples:
    return Examples(examples.inputs, examples.targets, {**examples.masks, **masks})


@pytest.fixture
def make_problem() -> Callable[..., Problem]:
    """Return a maker of problems: three blobs in four columns, with labels for the first rows only."""

    def make(
        n: int = 200, labelled: int = 40, held: int = 80, seed: int = 0, kinds_: Sequence[str] = ("class",)
    ) -> Problem:
        generator = np.random.default_rng(seed)
        blob = generator.integers(0, 3, n + held)
        centres = np.array([[2.0, 0, 2, 0], [0, 2, 0, 2], [-2, -2, -2, -2]])
        x = centres[blob] + generator.normal(size=(n + held, 4))
        frame = pl.DataFrame(
            {
                "class": np.array(["a", "b", "c"])[blob],
                "yes": (blob == 1).astype(int),
                "size": blob + 0.1 * generator.normal(size=n + held),
                "level": blob,
                "tags": [",".join(t for t, on in (("p", b > 0), ("q", b < 2)) if on) for b in blob],
            }
        )
        every: dict[str, Task] = {
            "class": kinds.Multiclass("class"),
            "yes": kinds.Binary("yes"),
            "size": kinds.Regression("size"),
            "interval": kinds.Regression("interval", "size", quantiles=[0.1, 0.9]),
            "level": kinds.Ordinal("level"),
            "tags": kinds.Multilabel("tags", separator=","),
        }
        tasks = [every[kind] for kind in kinds_]
        for task in tasks:
            task.fit(frame[:n])
        truth = coded(tasks, x[:n], frame[:n])
        known = torch.arange(n)[:, None] < labelled
        masks = {task.name: truth.masks[task.name] & known for task in tasks}
        return Problem(
            tasks=tasks,
            train=with_masks(truth, masks),
            truth=truth,
            validation=coded(tasks, x[n:], frame[n:]),
            factory=LinearFactory(tasks),
        )

    return make
