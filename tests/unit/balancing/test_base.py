"""What all balancers share."""

import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Balancer, Equal, Needs, PCGrad, Static


def test_preference_of_the_constructor_wins_over_that_of_start():
    balancer = Equal(preference=[1, 3])
    balancer.start(2, preference=[3, 1])
    assert balancer.preference == [1.0, 3.0]


def test_the_wrong_number_of_preferences_is_refused_at_start():
    with pytest.raises(InvalidArgumentError, match="2 values of preference for 3 tasks"):
        Equal(preference=[1, 3]).start(3)


def test_loading_keeps_the_identity_of_the_state():
    balancer, other = PCGrad(), PCGrad()
    for _ in range(3):
        other.weights(np.ones(2), np.eye(2))
    state = balancer.state
    balancer.load_state_dict(other.state_dict())
    assert balancer.state is state
    assert state == {"step": 3}


def test_constants_are_copied_to_a_device_once():
    balancer = Static([1.0, 2.0])
    first = balancer.weights(np.ones(2))
    assert len(balancer._constants) == 1
    np.testing.assert_array_equal(balancer.weights(np.ones(2)), first)
    assert len(balancer._constants) == 1
    balancer.weights(np.ones(2, dtype=np.float32))
    assert len(balancer._constants) == 2


def test_the_base_cannot_be_made():
    with pytest.raises(TypeError):
        Balancer()  # ty: ignore[abstract-class]
    assert [need.value for need in Needs] == ["losses", "norms", "gramian", "jacobian", "cross"]


@pytest.mark.parametrize("preference", ["ab", {"a": 1, "b": 2}, 2, [1, float("nan")], [1, "x"], [[1, 2]]])
def test_a_preference_that_is_no_list_of_numbers_is_said(preference):
    with pytest.raises(InvalidArgumentError, match=r"expected K positive numbers, in the order of the tasks"):
        Equal(preference=preference)
