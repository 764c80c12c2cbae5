from __future__ import annotations

import pytest
from torch import nn

from cotrain._base import InvalidArgumentError
from cotrain.balancing import GradDrop, UPGrad
from cotrain.gradients.sources._approximate import LayerSource
from cotrain.gradients.sources._auto import AutoSource
from cotrain.gradients.sources._exact import ExactSource
from cotrain.gradients.sources._registry import SOURCES, choose_source, n_bytes


@pytest.mark.parametrize("name", SOURCES)
def test_each_name_makes_a_source_of_its_own(name):
    first, second = (choose_source(name, UPGrad(), None) for _ in range(2))
    assert type(first) is type(second)
    assert first is not second
    assert first.exact == (name != "representation")


def test_a_budget_reaches_auto_in_bytes():
    assert isinstance(choose_source("auto", UPGrad(), None, "2kb"), AutoSource)
    assert choose_source("auto", UPGrad(), None, "2kb")._budget == 2048
    assert choose_source("auto", UPGrad(), None)._budget is None


def test_modules_are_a_source_too():
    source = choose_source([nn.Linear(2, 2)], UPGrad(), None)
    assert isinstance(source, LayerSource)
    assert not source.exact


def test_a_method_on_whole_gradients_takes_exact_passes_or_says_so():
    for name in ("auto", "exact"):
        assert type(choose_source(name, GradDrop(), None)) is ExactSource
    for name in ("ghost", "disjoint", "representation"):
        with pytest.raises(
            InvalidArgumentError, match=f"GradDrop needs the gradients.*source='{name}'.*'exact'"
        ):
            choose_source(name, GradDrop(), None)
    with pytest.raises(InvalidArgumentError, match="pass fewer shared_parameters"):
        choose_source([nn.Linear(2, 2)], GradDrop(), None)


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(InvalidArgumentError, match=r"source='gost'\): did you mean 'ghost'"):
        choose_source("gost", UPGrad(), None)


@pytest.mark.parametrize(
    ("given", "expected"),
    [(1, 1), (2.5, 2.5), ("64MB", 64 * 2**20), (" 1.5 gb ", 1.5 * 2**30), ("7", 7), ("8B", 8), (".5kb", 512)],
)
def test_bytes_are_a_number_or_a_number_with_a_unit(given, expected):
    assert n_bytes(given) == expected


@pytest.mark.parametrize(
    "given", [0, -1, "0MB", True, "64 TB", "much", "", "1e6", float("nan"), float("inf"), "1.2.3"]
)
def test_anything_else_is_no_number_of_bytes(given):
    with pytest.raises(
        InvalidArgumentError, match="must be a positive number of bytes or a text such as '64MB'"
    ):
        n_bytes(given)
