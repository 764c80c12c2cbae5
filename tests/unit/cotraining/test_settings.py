"""Everything that co-training can be told is checked where it is told."""

from __future__ import annotations

import math

import pytest

from cotrain._base import InvalidArgumentError, constructor_parameters
from cotrain.cotraining import Committee, CoTraining, SelfTraining, Temperature


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("strategy", "best", "a strategy, or 'auto'"),
        ("max_rounds", 0, "at least 1"),
        ("pseudo_weight", 0.0, r"a number in \(0, 1\]"),
        ("pseudo_weight", 1.5, r"a number in \(0, 1\]"),
        ("pseudo_weight", math.nan, r"a number in \(0, 1\]"),
        ("logit_adjustment", -0.1, r"a number in \[0, 2\]"),
        ("logit_adjustment", math.nan, r"a number in \[0, 2\]"),
        ("max_drift", 0.0, r"a number in \(0, 1\]"),
        ("max_drift", math.nan, r"a number in \(0, 1\]"),
        ("patience", 0, "at least 1"),
        ("updates", 0, "at least 1, or null"),
        ("true_per_batch", -1, "at least 0"),
        ("folds", 1, "at least 2"),
        ("margin", -0.1, "a finite number of at least 0"),
        ("margin", math.inf, "a finite number of at least 0"),
        ("margin", math.nan, "a finite number of at least 0"),
        ("min_labels", -1, "at least 0"),
        ("division", "even", "random or independent"),
    ],
)
def test_a_value_out_of_its_range_is_named_with_the_range(name, value, expected):
    with pytest.raises(InvalidArgumentError, match=rf"^cotraining\.{name} is .*: expected {expected}\.$"):
        CoTraining(**{name: value})


def test_the_ends_of_the_ranges_are_in_them():
    CoTraining(
        "auto",
        1,
        pseudo_weight=1.0,
        logit_adjustment=2.0,
        max_drift=1.0,
        patience=1,
        updates=1,
        true_per_batch=0,
        folds=2,
        margin=0.0,
        min_labels=0,
    )
    CoTraining(division="independent")


def test_no_two_settings_share_their_defaults():
    one, other = CoTraining(), CoTraining()
    assert isinstance(one.strategy, Committee)
    assert isinstance(one.calibration, Temperature)
    assert one.strategy is not other.strategy
    assert one.calibration is not other.calibration


def test_views_are_copied():
    columns = {"left": ("a", "b")}
    settings = CoTraining(views=columns)
    columns["right"] = ("c",)
    assert settings.views == {"left": ["a", "b"]}


def test_another_strategy_changes_nothing_else_and_not_the_settings_themselves():
    settings = CoTraining(max_rounds=7, margin=1.5, views={"left": ["a"]})
    changed = settings.with_strategy(SelfTraining())
    assert isinstance(changed.strategy, SelfTraining)
    assert isinstance(settings.strategy, Committee)
    names = set(constructor_parameters(CoTraining)) - {"strategy"}
    assert {name: getattr(changed, name) for name in names} == {
        name: getattr(settings, name) for name in names
    }
