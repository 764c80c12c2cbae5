"""What every exported strategy, selector and calibrator keeps to."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest
import torch

from cotrain import tasks as kinds
from cotrain._base import InvalidArgumentError
from cotrain.balancing import Equal
from cotrain.configuration import construct, describe, kinds_of
from cotrain.cotraining import Calibrator, CoTraining, Selector, Strategy
from cotrain.cotraining._network_factory import NetworkFactory
from cotrain.cotraining.rounds._co_training_loop import CoTrainingLoop
from cotrain.cotraining.rounds._run import CoTrainingRun
from cotrain.networks import MLP, HardSharing, InputSpec, MultiTaskNetwork
from cotrain.tasks import Task
from cotrain.training import Examples, Training

STRATEGIES = list(kinds_of(Strategy).values())


def factory_and_rows() -> tuple[NetworkFactory, Examples, list[Task]]:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(60, 4, generator=generator)
    frame = pl.DataFrame({"a": (x[:, 0] > 0).int().numpy(), "b": x[:, 1].numpy()})
    tasks: list[Task] = [kinds.Binary("a"), kinds.Regression("b")]
    for task in tasks:
        task.fit(frame)
    coded = {task.name: task.encode(frame) for task in tasks}
    known = torch.arange(60)[:, None] < 24
    rows = Examples(
        {"inputs": x},
        {name: pair[0] for name, pair in coded.items()},
        {name: pair[1] & known for name, pair in coded.items()},
    )

    def build(name: str, some: Any) -> MultiTaskNetwork:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(len(name))
            sharing = HardSharing().build(
                lambda: MLP((8,), n_inputs=4).build(InputSpec()), [t.name for t in some]
            )
            return MultiTaskNetwork(sharing, {t.name: t.head(8) for t in some})

    training = Training(epochs=2, batch_size=32, select="last")
    settings = CoTraining(updates=6)
    factory = NetworkFactory(
        tasks,
        build=build,
        balancer=Equal(),
        training=training,
        settings=settings,
        shapes={"inputs": (4,)},
    )
    return factory, rows, tasks


@pytest.mark.parametrize("kind", STRATEGIES)
def test_teachers_and_answers_are_among_the_peers(kind: type[Strategy]):
    factory, _, tasks = factory_and_rows()
    strategy = kind()
    n = len(strategy.peers(factory))
    answering = strategy.answering(n)
    assert answering
    assert set(answering) <= set(range(n))
    for learner in range(n):
        teachers = strategy.teachers(learner, n)
        assert set(teachers) <= set(range(n))
        assert len(set(teachers)) == len(teachers)
    known = {task.name for number in answering for task in strategy.peers(factory)[number].tasks}
    assert known == {task.name for task in tasks}


@pytest.mark.parametrize("kind", STRATEGIES)
def test_peers_have_names_of_their_own(kind: type[Strategy]):
    names = [peer.name for peer in kind().peers(factory_and_rows()[0])]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("kind", STRATEGIES)
def test_equal_seeds_give_equal_rounds(kind: type[Strategy]):
    factory, rows, tasks = factory_and_rows()
    settings = CoTraining(kind(), 1, updates=6)
    run = CoTrainingRun(tasks=tasks, examples=rows, validation=None, settings=settings, factory=factory)
    answers = [CoTrainingLoop(run).run().predictions(rows.inputs) for _ in range(2)]
    assert torch.equal(answers[0]["a"].probabilities, answers[1]["a"].probabilities)
    assert torch.equal(answers[0]["b"].values, answers[1]["b"].values)


@pytest.mark.parametrize("base", [Strategy, Selector, Calibrator])
def test_plain_values_make_an_equal_object(base: type):
    for kind in kinds_of(base).values():
        plain = describe(kind())
        assert describe(construct(base, plain, "cotraining")) == plain


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("strategy", "best"),
        ("max_rounds", 0),
        ("pseudo_weight", 0.0),
        ("max_drift", 2.0),
        ("patience", 0),
        ("updates", 0),
        ("true_per_batch", -1),
        ("folds", 1),
        ("division", "even"),
    ],
)
def test_settings_out_of_range_are_refused(name: str, value: Any):
    with pytest.raises(InvalidArgumentError, match=rf"cotraining\.{name} is {value!r}: expected"):
        CoTraining(**{name: value})


def test_an_unknown_estimator_is_named():
    factory, _, _ = factory_and_rows()
    with pytest.raises(InvalidArgumentError, match="Cannot make the estimator 'sklearn.tree:Oak'"):
        factory.estimator("trees", "sklearn.tree:Oak", "sklearn.linear_model:Ridge", {}, transductive=False)


def test_an_unknown_view_is_named():
    factory, _, _ = factory_and_rows()
    with pytest.raises(InvalidArgumentError, match="There is no view 'left'"):
        factory.views(["left"], 2)
