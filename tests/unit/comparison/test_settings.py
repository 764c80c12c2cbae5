from __future__ import annotations

import pytest

from cotrain._base import ConfigError, InvalidArgumentError
from cotrain.balancing import Equal, ReferenceScaled
from cotrain.comparison import ComparisonSettings
from cotrain.comparison._methods import learning_rates, methods_of, tree_learning_rates
from cotrain.configuration import construct_class
from cotrain.cotraining import CoTraining
from cotrain.learner import Configuration, Learner
from cotrain.networks import MMoE
from cotrain.tasks import Binary, Regression


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"seeds": 2}, "compare.seeds is 2"),
        ({"learning_rates": []}, "compare.learning_rates"),
        ({"learning_rates": [0.1, -1.0]}, "compare.learning_rates"),
        ({"smallest_effect": 1.0}, "compare.smallest_effect is 1.0"),
        ({"smallest_effect": -0.1}, "expected a share in"),
        ({"references": ["trees"]}, "expected single_task among them"),
    ],
)
def test_a_contest_that_proves_nothing_is_refused(arguments: dict, message: str) -> None:
    with pytest.raises(InvalidArgumentError, match=message):
        ComparisonSettings(**arguments)


def test_the_grid_has_every_pair_once_and_a_network_for_each_task() -> None:
    learner = Learner([Binary("a"), Regression("b")])
    settings = ComparisonSettings([learner.sharing, MMoE()], [Equal(), ReferenceScaled()])
    entrants, notes = methods_of(learner, settings)
    found = [(method.method, method.tasks) for method in entrants]
    assert not notes
    assert found == [
        ("HardSharing + Equal", ("a", "b")),
        ("HardSharing + ReferenceScaled", ("a", "b")),
        ("MMoE + Equal", ("a", "b")),
        ("MMoE + ReferenceScaled", ("a", "b")),
        ("single_task", ("a",)),
        ("single_task", ("b",)),
        ("trees", ("a",)),
        ("trees", ("b",)),
    ]


def test_ways_of_co_training_are_a_third_side_of_the_grid() -> None:
    learner = Learner([Binary("a"), Regression("b")])
    settings = ComparisonSettings(cotraining=[None, CoTraining()], references=["single_task"])
    entrants, _ = methods_of(learner, settings)
    names = ["HardSharing + ReferenceScaled", "HardSharing + ReferenceScaled + Committee"]
    assert [entrant.method for entrant in entrants[:2]] == names
    assert [entrant.learner.cotraining is None for entrant in entrants] == [True, False, True, True]


def test_co_training_in_the_grid_can_be_written_in_yaml() -> None:
    arguments = {"cotraining": [None, {"strategy": "SelfTraining", "max_rounds": 2}]}
    none, settings = construct_class(ComparisonSettings, arguments, "compare").cotraining or []
    assert none is None
    assert isinstance(settings, CoTraining)
    with pytest.raises(ConfigError, match=r"compare\.cotraining\[0\].*did you mean 'max_rounds'"):
        construct_class(ComparisonSettings, {"cotraining": [{"max_round": 2}]}, "compare")


def test_a_pooled_network_is_offered_to_tasks_of_one_kind_only() -> None:
    settings = ComparisonSettings(references=["single_task", "pooled"])
    entrants, notes = methods_of(Learner([Binary("a"), Binary("b")]), settings)
    assert entrants[-1].method == "pooled"
    assert not notes
    entrants, notes = methods_of(Learner([Binary("a"), Regression("b")]), settings)
    assert "pooled" not in [entrant.method for entrant in entrants]
    assert notes == [
        "No pooled network: a is Binary and b is Regression, and one head needs tasks of one kind."
    ]
    _, notes = methods_of(Learner([Regression("a"), Regression("b", criterion="mae")]), settings)
    assert "a has criterion='mse' and b has criterion='mae'" in notes[0]


def test_equal_weights_are_a_reference_and_names_are_told_apart() -> None:
    learner = Learner([Binary("a"), Regression("b")])
    settings = ComparisonSettings([MMoE(experts=2), MMoE(experts=3)], [ReferenceScaled()])
    names = [method.method for method in methods_of(learner, settings)[0]]
    assert names[:3] == ["MMoE + ReferenceScaled", "MMoE + ReferenceScaled (2)", "MMoE + Equal"]


def test_all_contenders_try_the_same_learning_rates() -> None:
    learner = Learner([Binary("a")])
    assert learning_rates(learner, ComparisonSettings()) == [0.001, 0.002, 0.004]
    assert learning_rates(learner, ComparisonSettings(learning_rates=[0.1])) == [0.1]
    assert len(tree_learning_rates(2)) == 2


def test_the_key_of_a_cell_names_all_that_it_depends_on() -> None:
    method = methods_of(Learner([Binary("a"), Regression("b")]), ComparisonSettings())[0][0]
    keys = {method.cell(*arguments).key for arguments in [(0.1, 0, "d"), (0.2, 0, "d"), (0.1, 1, "d")]}
    assert len(keys | {method.cell(0.1, 0, "e").key}) == 4
    assert method.cell(0.1, 0, "d").key in keys


def test_one_file_serves_train_and_compare() -> None:
    config = {"data": "t.csv", "tasks": [{"kind": "Binary", "name": "a"}], "compare": {"seeds": 3}}
    configuration = Configuration.from_config(config)
    assert configuration.compare == {"seeds": 3}
    assert configuration.config()["compare"] == {"seeds": 3}
    assert (
        "compare"
        not in Configuration.from_config({k: v for k, v in config.items() if k != "compare"}).config()
    )
