import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cotrain.balancing import head_weights


@given(st.lists(st.tuples(st.floats(0.01, 100), st.booleans()), min_size=1, max_size=40))
def test_ratios_are_those_of_the_preference_and_the_mean_over_the_active_tasks_is_one(pairs):
    preference = [value for value, _ in pairs]
    active = np.array([here for _, here in pairs])
    found = head_weights(preference, active)
    assert (found[~active] == 0).all()
    if active.any():
        assert found[active].mean() == pytest.approx(1)
        assert found[active] / found[active][0] == pytest.approx(
            np.array(preference)[active] / preference[active.argmax()]
        )


def test_without_a_preference_every_active_task_counts_one():
    assert head_weights(None, np.array([True, False])).tolist() == [1.0, 0.0]
