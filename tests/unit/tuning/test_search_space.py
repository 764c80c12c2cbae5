from __future__ import annotations

import optuna
import pytest

from cotrain._base import ConfigError
from cotrain.tuning import SearchDimension


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (3, "expected a range such as"),
        ([], "the list of choices is empty"),
        ({"low": 1}, r"tune\.fields\.x\.high: expected a number, got None"),
        ({"low": 1, "hihg": 2}, "did you mean 'high'"),
        ({"low": 2, "high": 1}, "low=2 is not below high=1"),
        ({"low": 0, "high": 1, "log": True}, "log needs low > 0"),
        ({"low": 1, "high": 9, "log": True, "step": 2}, "no log beside it"),
        ({"low": "a", "high": 1}, "expected a number, got 'a'"),
        ({"low": 1, "high": 2, "log": "no"}, "log is 'no': expected true or false"),
        ({"low": 1, "high": 3, "step": 5}, "more than the 2 from low to high"),
    ],
)
def test_what_is_no_range_and_no_list_is_told(spec: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        SearchDimension.parse("x", spec)


def test_values_come_as_they_were_written() -> None:
    kind = {"kind": "MMoE", "experts": 3}
    fields = [
        SearchDimension.parse("a", {"low": 1, "high": 4}),
        SearchDimension.parse("b", {"low": "1e-4", "high": 1e-2, "log": True}),
        SearchDimension.parse("c", ["HardSharing", kind, None]),
    ]
    trial = optuna.trial.FixedTrial({"a": 3, "b": 0.001, "c": '{"kind": "MMoE", "experts": 3}'})
    assert [field.suggest(trial) for field in fields] == [3, 0.001, kind]
    assert fields[0].shown(3) == "3"
    assert fields[2].shown('"HardSharing"') == "HardSharing"


@pytest.mark.parametrize(
    ("spec", "values"),
    [
        ({"low": 0, "high": 1, "step": 0.25}, {0.0, 0.25, 0.5, 0.75, 1.0}),
        ({"low": 0, "high": 3, "step": 1.5}, {0.0, 1.5, 3.0}),
        ({"low": 0, "high": 4, "step": "2"}, {0, 2, 4}),
        ({"low": 1, "high": 3}, {1, 2, 3}),
    ],
)
def test_a_fraction_as_step_between_whole_ends_is_kept(spec: dict, values: set) -> None:
    """A step of 1.5 was 1, and one of 0.25 ended in an error of optuna's."""
    field = SearchDimension.parse("x", spec)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    drawn = [field.suggest(study.ask()) for _ in range(60)]
    assert set(drawn) == values
    assert {type(value) for value in drawn} == {type(value) for value in values}


def test_examples_lie_within_a_range_too() -> None:
    low, high, between = SearchDimension.parse("x", {"low": 2.0, "high": 4.0}).examples()
    assert low < between < high
    assert between % 1
    assert SearchDimension.parse("x", {"low": 2, "high": 4}).examples() == [2, 4, 3]
    assert SearchDimension.parse("x", {"low": 2.0, "high": 4.0, "step": 1.0}).examples() == [2.0, 4.0, 3.0]
