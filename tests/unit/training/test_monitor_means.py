from __future__ import annotations

import json

import numpy as np
import pytest

from cotrain.gradients import Monitor
from cotrain.training._monitor_means import mean_record


def test_an_epoch_has_the_means_of_its_records() -> None:
    monitor = Monitor(1)
    for sign in (1.0, -1.0):
        gramian = np.array([[1.0, sign], [sign, 4.0]])
        monitor.record(0, ["a", "b"], losses_K=np.array([1.0, 2.0]), weights_K=np.ones(2), gramian_KK=gramian)
    found = mean_record(monitor.take())["gradients"]
    assert (found["tasks"], found["n"], found["norms"]) == (["a", "b"], 2, [1.0, 2.0])
    assert found["opposed"] == [[0.0, 0.5], [0.5, 0.0]]
    assert found["cosines"] == [[1.0, 0.0], [0.0, 1.0]]
    assert found["affinity"][0][0] == pytest.approx(1.0)


def test_a_task_that_was_absent_is_null_and_json_stays_strict() -> None:
    monitor = Monitor(1)
    gramian = np.array([[1.0, np.nan], [np.nan, np.nan]])
    losses_K = np.array([1.0, np.nan])
    monitor.record(0, ["a", "b"], losses_K=losses_K, weights_K=losses_K, gramian_KK=gramian)
    found = mean_record(monitor.take())
    json.dumps(found, allow_nan=False)
    assert found["gradients"]["norms"] == [1.0, None]


def test_no_records_add_nothing() -> None:
    assert mean_record([]) == {}
