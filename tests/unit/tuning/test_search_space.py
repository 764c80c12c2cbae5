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
