from __future__ import annotations

import pytest

import cotrain as ct
from cotrain._base import InvalidArgumentError
from cotrain.learner._output_columns import require_unique_outputs


@pytest.mark.parametrize(
    "tasks",
    [
        lambda: [ct.tasks.Regression("sold_probability"), ct.tasks.Binary("sold")],
        lambda: [ct.tasks.Multilabel("m", columns=["a", "a_probability"])],
        lambda: [ct.tasks.Multilabel("m", columns=["a", "b"]), ct.tasks.Ordinal("a")],
        lambda: [ct.tasks.Regression("r", columns=["u", "v"]), ct.tasks.Multiclass("v")],
        lambda: [
            ct.tasks.Multiclass("c", classes=["x", "y"]),
            ct.tasks.Regression("c_probability[x]"),
        ],
    ],
)
def test_columns_of_one_name_are_refused_at_construction(tasks):
    with pytest.raises(InvalidArgumentError, match="two columns named"):
        ct.Learner(tasks())


def test_names_that_training_finds_out_are_looked_at_before_it():
    with pytest.raises(InvalidArgumentError, match="of the tasks 'c' and 'd'"):
        require_unique_outputs({"c": ["c", "c_probability[x]"], "d": ["c_probability[x]"]})
