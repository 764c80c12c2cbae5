"""What every exported strategy, selector and calibrator keeps to."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np
import polars as pl
import pytest
import torch

from cotrain import tasks as kinds
from cotrain._base import InvalidArgumentError
from cotrain.balancing import Equal
from cotrain.configuration import construct, describe, kinds_of
from cotrain.cotraining import Calibrator, CoTraining, CoTrainingClassifier, Selector, Strategy
from cotrain.cotraining._network_factory import NetworkFactory
from cotrain.cotraining.rounds._co_training_loop import CoTrainingLoop
from cotrain.cotraining.rounds._run import CoTrainingRun
from cotrain.learner import Preprocessor
from cotrain.learner._architecture import Architecture
from cotrain.learner._cotraining_stage import CoTrainingStage
from cotrain.networks import MLP, HardSharing, InputSpec, MultiTaskNetwork, TableEncoder
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


def learner_with(cotraining: CoTraining) -> None:
    """Fit nothing: what is refused is refused before."""
    frame = pl.DataFrame({"x": [0.1, 0.2, 0.3, 0.4], "z": [1.5, 0.2, 2.3, 0.4], "a": [0, 1, 0, 1]})
    frame = frame.with_columns(b=pl.Series([1.0, 2.0, None, 3.0]))
    tasks: list[Task] = [kinds.Binary("a"), kinds.Regression("b")]
    preprocessor, _ = Preprocessor.fit(frame, tasks, {}, [])
    CoTrainingStage(
        cotraining,
        preprocessor,
        Architecture(TableEncoder(4, 0), HardSharing()),
        Equal(),
        training=Training(epochs=1),
    )


@pytest.mark.parametrize("kind", STRATEGIES)
def test_views_and_divisions_that_a_strategy_has_no_use_for_are_refused(kind: type[Strategy]):
    views = {"left": ["x"], "right": ["z"]}
    learner_with(CoTraining(kind()))
    with pytest.raises(InvalidArgumentError, match=rf"'left', 'right', which {kind.__name__} shows to none"):
        learner_with(CoTraining(kind(), views=views))
    for named in (["left", "right"], None):
        takes = named is not None and "views" in inspect.signature(kind).parameters
        strategy = kind(views=named) if takes else kind()
        if takes:
            learner_with(CoTraining(strategy, views=views))
            with pytest.raises(InvalidArgumentError, match=r"names 'other', which"):
                learner_with(CoTraining(strategy, views={**views, "other": ["x"]}))
        if named is None and kind.__name__ == "TwoViewCoTraining":
            learner_with(CoTraining(strategy, division="independent"))
            continue
        with pytest.raises(InvalidArgumentError, match=rf"'independent', and {kind.__name__} divides no"):
            learner_with(CoTraining(strategy, views=views if takes else None, division="independent"))


def test_auto_refuses_one_view_and_a_division():
    with pytest.raises(InvalidArgumentError, match="names 'left' alone: 'auto' tries views where"):
        CoTraining("auto", views={"left": ["x"]})
    with pytest.raises(InvalidArgumentError, match="'auto' tries no strategy that divides columns"):
        CoTraining("auto", division="independent")


@pytest.mark.parametrize("kind", STRATEGIES)
def test_scikit_learns_form_refuses_views_that_a_strategy_has_no_use_for(kind: type[Strategy]):
    x, y = np.arange(80.0).reshape(20, 4), np.array([[0, 1], [1, 0]] * 10)
    for views in ([[0, 1], [2, 3]], "independent"):
        if kind.__name__ == "TwoViewCoTraining" and views == "independent":
            continue
        with pytest.raises(InvalidArgumentError, match=rf"cotraining\..*{kind.__name__}"):
            CoTrainingClassifier(kind(), views=views).fit(x, y)
