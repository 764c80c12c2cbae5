import numpy as np

from cotrain.tasks._diagnosis import nothing_recorded, nothing_to_show


def test_a_kind_without_a_diagnosis_keeps_and_shows_nothing():
    records = nothing_recorded(np.ones((3, 2)), np.ones((3, 1)), np.ones((3, 1), bool))
    assert records.shape == (3, 0)
    assert nothing_to_show(records, ["a"]) == {}
