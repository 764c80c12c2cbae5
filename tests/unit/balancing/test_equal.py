"""Equal weights."""

import numpy as np

from cotrain.balancing import Equal


def test_weights_are_one_for_labelled_tasks():
    np.testing.assert_array_equal(Equal().weights(np.array([1.0, np.nan, 9.0])), [1, 0, 1])


def test_a_preference_has_mean_one_over_the_labelled_tasks():
    weights = Equal(preference=[1, 5, 3]).weights(np.array([1.0, np.nan, 9.0]))
    np.testing.assert_allclose(weights, [0.5, 0, 1.5])
