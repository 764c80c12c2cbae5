import pytest

from cotrain._base import InvalidArgumentError
from cotrain.networks import InputSpec
from cotrain.networks._checks import check_at_least, check_choice, check_probability, row_shape


class Owner:
    pass


def test_limits_are_allowed_and_what_is_outside_is_named():
    check_at_least(Owner(), 1, experts=1)
    with pytest.raises(InvalidArgumentError, match=r"Owner\(experts=0\): expected at least 1"):
        check_at_least(Owner(), 1, experts=0)
    check_probability(Owner(), dropout=0.0)
    for value in (1.0, -0.1, float("nan")):
        with pytest.raises(InvalidArgumentError, match=r"expected a value in \[0, 1\)"):
            check_probability(Owner(), dropout=value)


def test_a_choice_that_is_nearly_right_gets_a_hint():
    check_choice(Owner(), "pooling", "mean", ("mean", "first"))
    with pytest.raises(InvalidArgumentError, match="mean"):
        check_choice(Owner(), "pooling", "maen", ("mean", "first"))


def test_the_shape_of_a_row_is_found_or_it_is_said_what_there_is():
    spec = InputSpec(n_numbers=3, tensors={"image": (2, 8, 8)})
    assert row_shape(Owner(), "numbers", spec) == (3,)
    assert row_shape(Owner(), "image", spec, 3) == (2, 8, 8)
    with pytest.raises(InvalidArgumentError, match="describe no such tensor"):
        row_shape(Owner(), "imag", spec)
    with pytest.raises(InvalidArgumentError, match="expected 1 axes after the batch"):
        row_shape(Owner(), "image", spec, 1)
