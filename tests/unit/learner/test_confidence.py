"""What a run folder keeps of a learner's confidence and of its pseudo-labels."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import torch

from cotrain import tasks as kinds
from cotrain.cotraining import Isotonic, Prediction, PseudoLabels
from cotrain.learner._confidence import CalibratedConfidence, cells_of
from cotrain.training import Examples


def rows(n: int = 200) -> tuple[list, Examples, dict[str, torch.Tensor]]:
    """Return two tasks, held-out rows and outputs: a class that is right in 7 of 10, a number in 9 of 10."""
    generator = np.random.default_rng(0)
    frame = pl.DataFrame({"yes": generator.integers(0, 2, n), "size": generator.normal(size=n)})
    tasks = [kinds.Binary("yes"), kinds.Regression("size")]
    for task in tasks:
        task.fit(frame)
    coded = {task.name: task.encode(frame) for task in tasks}
    held = Examples(
        {"inputs": torch.from_numpy(generator.normal(size=(n, 2)))},
        {name: pair[0] for name, pair in coded.items()},
        {name: pair[1] for name, pair in coded.items()},
    )
    row = torch.arange(n)[:, None]
    said = torch.where(row % 10 < 7, held.targets["yes"], 1 - held.targets["yes"])
    outputs = {"yes": 8.0 * (said - 0.5), "size": held.targets["size"] + (row % 10 == 0) * 3.0}
    return tasks, held, outputs


def belief_of(p: float) -> Prediction:
    return Prediction(probabilities=torch.tensor([[[1 - p, p]]]))


@pytest.mark.parametrize("calibration", [None, Isotonic()])
def test_held_out_rows_correct_the_confidence_and_a_folder_keeps_it(tmp_path, calibration):
    tasks, held, outputs = rows()
    rounds = (
        None
        if calibration is None
        else SimpleNamespace(settings=SimpleNamespace(calibration=calibration), cells=None)
    )
    assurance = CalibratedConfidence.learn(tasks, outputs, held, rounds)
    assurance.write(tmp_path)
    assert not (tmp_path / "pseudo_labels.parquet").exists()
    for one in (assurance, CalibratedConfidence.read(tmp_path, calibration)):
        assert float(one.sure(tasks[0], belief_of(0.98))[0, 0]) == pytest.approx(0.7, abs=0.03)
        number = Prediction(values=torch.zeros(3, 1))
        assert one.sure(tasks[1], number)[:, 0].tolist() == pytest.approx([0.9] * 3, abs=0.01)


def test_without_held_out_rows_nothing_is_corrected_and_numbers_are_unknown():
    tasks, _, _ = rows()
    assurance = CalibratedConfidence.learn(tasks, {}, None)
    assert float(assurance.sure(tasks[0], belief_of(0.98))[0, 0]) == pytest.approx(0.98)
    assert np.isnan(assurance.sure(tasks[1], Prediction(values=torch.zeros(3, 1)))).all()


def test_a_folder_of_before_is_read(tmp_path):
    assert CalibratedConfidence.read(tmp_path).cells.height == 0


def test_pseudo_labels_are_found_again_by_the_inputs(tmp_path):
    task = kinds.Multilabel("tags", separator=",")
    task.fit(pl.DataFrame({"tags": ["p", "q", "p,q", ""] * 2}))
    inputs = {"inputs": torch.arange(8.0).reshape(4, 2)}
    examples = Examples(inputs, {"tags": torch.zeros(4, 2)}, {"tags": torch.zeros(4, 2)})
    weight = torch.tensor([[0.5, 0.0], [0.0, 0.0], [0.5, 0.5], [0.0, 0.0]])
    labels = PseudoLabels(torch.ones(4, 2) * (weight > 0), weight + 0.4, weight, 2, "a, b")
    cells = cells_of(examples, {"tags": labels}, {"tags": 1})
    assert cells.height == 3
    CalibratedConfidence(cells=cells).write(tmp_path)
    found = CalibratedConfidence.read(tmp_path).pseudo_labels(task, {"inputs": inputs["inputs"].flip(0)})
    assert found is not None
    assert found["place"].to_list() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert found["value"].to_list() == [None, None, 1.0, 1.0, None, None, 1.0, None]
    assert set(found["round"].drop_nulls()) == {1}
    assert set(found["teacher"].drop_nulls()) == {"a, b"}
