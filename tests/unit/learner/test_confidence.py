"""What a run folder keeps of a learner's confidence."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
import torch

from cotrain import tasks as kinds
from cotrain.cotraining import Isotonic, Prediction, prediction_of_output
from cotrain.learner._confidence import CalibratedConfidence, predicted_classes
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
    assurance = CalibratedConfidence.learn(tasks, outputs, held, calibration)
    assurance.write(tmp_path)
    for one in (assurance, CalibratedConfidence.read(tmp_path, calibration)):
        # The network says 98 %, an output of 4.
        tempered = 1 / (1 + np.exp(-4 / one.temperatures["yes"]))
        assert float(one.sure(tasks[0], belief_of(tempered))[0, 0]) == pytest.approx(0.7, abs=0.03)
        number = Prediction(values=torch.zeros(3, 1))
        assert one.sure(tasks[1], number)[:, 0].tolist() == pytest.approx([0.9] * 3, abs=0.01)


def test_without_held_out_rows_nothing_is_corrected_and_numbers_are_unknown():
    tasks, _, _ = rows()
    assurance = CalibratedConfidence()
    assert float(assurance.sure(tasks[0], belief_of(0.98))[0, 0]) == pytest.approx(0.98)
    assert np.isnan(assurance.sure(tasks[1], Prediction(values=torch.zeros(3, 1)))).all()


def test_a_folder_without_it_knows_nothing(tmp_path):
    assert not CalibratedConfidence.read(tmp_path).calibrators


KINDS = {
    "binary": lambda: kinds.Binary("y"),
    "a threshold": lambda: kinds.Binary("y", threshold=0.2),
    "multiclass": lambda: kinds.Multiclass("y"),
    "ordinal": lambda: kinds.Ordinal("y"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_confidence_is_that_of_the_class_that_is_predicted(kind):
    """However doubtful all classes are: a neighbouring level that is near is not right."""
    task = KINDS[kind]()
    values = [0, 1] if kind in ("binary", "a threshold") else [0, 1, 2, 3, 4]
    task.fit(pl.DataFrame({"y": values * 4}))
    output = 2 * torch.randn(400, task.n_outputs, generator=torch.Generator().manual_seed(0))
    if kind == "ordinal":
        output = output.sort(dim=1, descending=True).values
    prediction, columns = prediction_of_output(task, output), task.predict(output)
    said = torch.tensor([int(value) for value in columns["y"]])[:, None]
    assert torch.equal(predicted_classes(task, prediction), said)
    sure = CalibratedConfidence().sure(task, prediction)
    p = task.target_kind.probabilities(task.scores(output).float())
    assert sure == pytest.approx(p.gather(-1, said[..., None])[..., 0].double().numpy(), abs=1e-6)
    assert (prediction.confidence() >= torch.from_numpy(sure) - 1e-6).all()
