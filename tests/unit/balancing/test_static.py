"""Fixed weights."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Static


def test_weights_are_those_given():
    np.testing.assert_array_equal(Static([1, 0, 2.5]).weights(np.ones(3)), [1, 0, 2.5])


@pytest.mark.parametrize("values", [[], [-1.0], [np.inf], [np.nan, 1.0]])
def test_bad_weights_are_refused(values):
    with pytest.raises(InvalidArgumentError, match="finite numbers of at least 0"):
        Static(values)


def test_the_wrong_number_is_refused():
    with pytest.raises(InvalidArgumentError, match="2 values of weights_per_task for 3 tasks"):
        Static([1, 2]).weights(np.ones(3))
