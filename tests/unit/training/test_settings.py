import math
import re

import pytest

from cotrain._base import InvalidArgumentError, parameters_of
from cotrain.training import Training


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", 10**12),
        ("batch_size", 0),
        ("learning_rate", 0.0),
        ("learning_rate", math.inf),
        ("learning_rate", math.nan),
        ("weight_decay", -1.0),
        ("task_weight_decay", -1.0),
        ("warmup", 1.0),
        ("clip", 0.0),
        ("patience", 0),
        ("select", "best"),
        ("average", 1.0),
        ("balance_every", 0),
        ("precision", "float64"),
        ("checkpoint_seconds", 0.0),
    ],
)
def test_a_value_out_of_range_is_named_with_what_came(name, value):
    with pytest.raises(InvalidArgumentError, match=rf"training\.{name} is {value!r}: expected"):
        Training(**{name: value})


@pytest.mark.parametrize("value", [True, "fast", [0.1]])
@pytest.mark.parametrize(
    "name",
    [
        *("learning_rate", "weight_decay", "task_weight_decay", "warmup", "clip", "average"),
        *("checkpoint_seconds", "time_limit", "reconstruction"),
    ],
)
def test_what_is_no_number_is_named_with_what_came(name, value):
    with pytest.raises(
        InvalidArgumentError, match=rf"training\.{name} is {re.escape(repr(value))}: expected"
    ):
        Training(**{name: value})


def test_every_argument_is_kept_under_its_name():
    given = {**parameters_of(Training()), "epochs": 3, "clip": None, "select": "last"}
    assert parameters_of(Training(**given)) == given
