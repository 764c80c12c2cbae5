import numpy as np
import pytest

from cotrain._base import InvalidArgumentError
from cotrain.balancing import DWA, FAMO, CAGrad, Smoothed
from cotrain.balancing._saved_state import KEYS, check_saved_state, description_of


def started(balancer, n_tasks=2):
    balancer.weights(np.ones(n_tasks))
    return balancer


def test_a_method_is_described_by_class_and_arguments_a_wrapped_one_too():
    assert description_of(CAGrad(c=0.4))["arguments"]["c"] == 0.4
    inner = description_of(Smoothed(DWA()))["arguments"]["balancer"]
    assert "DWA" in str(inner)
    assert description_of(DWA()) == description_of(DWA())
    assert description_of(CAGrad(c=0.4)) != description_of(CAGrad(c=0.5))


def test_its_own_state_is_taken():
    saved = started(DWA()).state_dict()
    assert set(KEYS) <= set(saved)
    check_saved_state(DWA(), saved, None)
    check_saved_state(DWA(), saved, 2)


def test_the_state_of_another_method_or_of_other_arguments_is_refused():
    saved = started(DWA()).state_dict()
    with pytest.raises(InvalidArgumentError, match="A state of DWA cannot be taken over by FAMO"):
        check_saved_state(FAMO(), saved, None)
    other = saved | {"arguments": {**saved["arguments"], **dict.fromkeys(saved["arguments"], -1.0)}}
    with pytest.raises(InvalidArgumentError, match="DWA"):
        check_saved_state(DWA(), other, None)


@pytest.mark.parametrize("key", KEYS)
def test_a_state_that_lacks_a_part_says_which(key):
    saved = {name: value for name, value in started(DWA()).state_dict().items() if name != key}
    with pytest.raises(InvalidArgumentError, match=f"lacks {key}"):
        check_saved_state(DWA(), saved, None)


def test_a_state_of_another_version_or_number_of_tasks_is_refused():
    saved = started(DWA()).state_dict()
    with pytest.raises(InvalidArgumentError, match="version"):
        check_saved_state(DWA(), saved | {"version": 99}, None)
    with pytest.raises(InvalidArgumentError, match="3"):
        check_saved_state(DWA(), saved, 3)
