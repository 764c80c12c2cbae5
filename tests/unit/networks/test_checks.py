import pytest

from cotrain._base import InvalidArgumentError
from cotrain.networks import InputSpec
from cotrain.networks._checks import row_shape


class Owner:
    pass


def test_the_shape_of_a_row_is_found_or_it_is_said_what_there_is():
    spec = InputSpec(n_numbers=3, tensors={"image": (2, 8, 8)})
    assert row_shape(Owner(), "numbers", spec) == (3,)
    assert row_shape(Owner(), "image", spec, 3) == (2, 8, 8)
    with pytest.raises(InvalidArgumentError, match="describe no such tensor"):
        row_shape(Owner(), "imag", spec)
    with pytest.raises(InvalidArgumentError, match="expected 1 axes after the batch"):
        row_shape(Owner(), "image", spec, 1)
