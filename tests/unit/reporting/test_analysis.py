from __future__ import annotations

import math
from typing import Any

import pytest

from cotrain.reporting import analysis_of

METRICS: dict[str, Any] = {
    "coverage": {"a": {"train": 90}, "b": {"train": 5}},
    "n_rows": {"train": 100},
    "diagnostics": {"a": {"calibration": [{"confidence": 0.9, "right": 0.5, "n": 10}]}},
}


def record(norms: list[float | None], cosine: float | None, gain: float = 0.5) -> dict[str, Any]:
    return {
        "epoch": 0, "gain": {"a": 0.5, "b": gain},
        "gradients": {
            "tasks": ["a", "b"], "n": 4, "norms": norms, "weights": [1.0, 1.0], "update": 1.0,
            "update_of_sum": 1.0, "cosines": [[1.0, cosine], [cosine, 1.0]],
            "opposed": [[0.0, 0.9], [0.9, 0.0]], "affinity": [[1.0, -2.0], [-2.0, 1.0]],
        },
    }  # fmt: skip


def test_the_culprit_is_named_first() -> None:
    found = analysis_of([record([1.0, 40.0], -0.3, gain=0.0)], METRICS, {"balancer": {"kind": "Equal"}})
    assert found["sentences"][0].startswith("b drowns the other tasks and learns nothing itself")
    assert "b's gradient is 40 times a's after weighing by Equal, and 98%" in found["sentences"][1]
    assert found["sentences"][1].endswith("try ReferenceScaled.")
    assert "a and b pull against each other (mean cosine -0.30, opposed in 90%" in found["sentences"][2]


def test_coverage_and_calibration_are_told() -> None:
    sentences = analysis_of([record([1.0, 1.0], 0.1)], METRICS, {})["sentences"]
    assert sentences == [
        "b has labels on 5.0% of the training rows only: co-training could label more.",
        "The probabilities of a are 40% off on average: do not trust them as such.",
    ]


def test_probabilities_that_few_labels_make_look_wrong_are_not_blamed() -> None:
    """Two of four labels true at 80 %: as far off as a right model is in 18 of 100 such cases."""
    few = {"a": {"calibration": [{"confidence": 0.8, "right": 0.5, "n": 4}]}}
    found = analysis_of([record([1.0, 1.0], 0.1)], METRICS | {"diagnostics": few}, {})
    assert not any("do not trust" in sentence for sentence in found["sentences"])
    assert found["calibration"]["a"] == pytest.approx(0.3)
    # Each of 0 to 4 true, with its probability and its distance from 80 %.
    of = [math.comb(4, k) * 0.8**k * 0.2 ** (4 - k) * abs(k / 4 - 0.8) for k in range(5)]
    assert found["calibration_by_chance"]["a"] == pytest.approx(sum(of))


def test_gradients_of_an_ensemble_are_those_of_its_first_network() -> None:
    sentences = analysis_of([record([1.0, 40.0], -0.3)], METRICS | {"ensemble": "3 networks."}, {})[
        "sentences"
    ]
    assert sentences[-1] == "Gradients, losses and experts are those of the first network of the ensemble."


def test_tasks_that_say_the_same_are_told_and_an_absent_one_is_not_guessed() -> None:
    assert "pull the same way" in analysis_of([record([1.0, 1.0], 0.99)], METRICS, {})["sentences"][0]
    found = analysis_of([record([1.0, None], None)], METRICS, {})
    assert found["gradients"]["share"] == [1.0, None]


def test_without_records_it_says_how_to_get_them() -> None:
    found = analysis_of([{"epoch": 0, "gain": {}}], METRICS, {})
    assert found["gradients"] is None
    assert "--set training.monitor=20" in found["sentences"][0]
    assert analysis_of([], METRICS | {"coverage": {"a": {"train": 100}}, "diagnostics": {}}, {})["sentences"]


def test_units_and_lengths_of_steps_are_told_with_what_to_try() -> None:
    loud = record([1.0, 1.0], 0.1) | {"loss": {"a": 1.0, "b": 300.0}}
    found = analysis_of([loud], METRICS, {"balancer": {"kind": "Equal"}})
    assert "The loss of b is 300 times that of a" in found["sentences"][0]
    assert found["losses"] == {"a": [1.0, 1.0], "b": [300.0, 300.0]}
    long = record([1.0, 1.0], 0.1)
    long["gradients"]["update"] = 9.0
    assert "The weighted update is 9 times as long" in analysis_of([long], METRICS, {})["sentences"][0]


def test_experts_and_co_training_are_part_of_it() -> None:
    found = analysis_of([{"epoch": 0}], METRICS, {}, {"kept": {"a": False}, "chosen": {"a": 0}, "rounds": []})
    assert found["experts"] is None
    assert "Co-training: a keeps the supervised start." in found["sentences"]


def test_where_nobody_dominates_the_quiet_task_is_the_one_to_help() -> None:
    tasks = ["a", "b", "c", "d"]
    one = record([1.0, 1.0], 0.1)
    one["gradients"] |= {
        "tasks": tasks, "norms": [1.0, 1.0, 1.0, 0.1], "weights": [1.0] * 4,
        **{name: [[0.0] * 4] * 4 for name in ("cosines", "opposed", "affinity")},
    }  # fmt: skip
    metrics = METRICS | {"coverage": {task: {"train": 90} for task in tasks}, "diagnostics": {}}
    (sentence,) = analysis_of([one], metrics, {})["sentences"]
    assert "a's gradient is 10 times d's" in sentence
    assert "has 3% of all pull on the shared parameters where 25% is even" in sentence
    assert "a preference 10 times as large would bring d there" in sentence


def test_boxes_and_masks_that_contradict_each_other_are_named_with_the_rows() -> None:
    pair = {"boxes": "cells", "mask": "area", "ground": "0", "rows": [7, 2]}
    pair |= {"n_boxes": 40, "empty_boxes": 10, "n_pixels": 1000, "outside": 300}
    found = analysis_of([], METRICS | {"disagreements": [pair]}, {})
    told = [sentence for sentence in found["sentences"] if "cells" in sentence]
    assert told == [
        "cells and area contradict each other: in 10 of 40 predicted boxes (25%) the mask has nothing but 0, "
        "most in rows 7, 2: look at these pictures.",
        "30% of what area finds beside 0 lies in no predicted box of cells: boxes are missed, or the mask "
        "has more than things.",
    ]
    assert found["disagreements"] == [pair]


@pytest.mark.parametrize("n", [0, 40])
def test_boxes_and_masks_that_agree_are_not_spoken_of(n: int) -> None:
    pair = {"boxes": "cells", "mask": "area", "ground": "0", "rows": []}
    pair |= {"n_boxes": n, "empty_boxes": n // 20, "n_pixels": 10 * n, "outside": n // 4}
    found = analysis_of([], METRICS | {"disagreements": [pair]}, {})
    assert not any("cells" in sentence for sentence in found["sentences"])
