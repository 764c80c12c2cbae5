"""How sure a fitted learner may be of what it predicts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self, final

import numpy as np
import torch
from torch import Tensor

from cotrain._base import RunError, beyond, write_text_atomically
from cotrain.cotraining import Calibrator, Prediction, Temperature, prediction_of_output
from cotrain.learner._decisions import Thresholds, choose_thresholds
from cotrain.learner._run_folder import CONFIDENCE
from cotrain.learner._temperatures import fit_temperatures, tempered
from cotrain.networks import OutputSpace
from cotrain.tasks import Task
from cotrain.tasks._decision import above
from cotrain.training import Examples

#: A number counts as right within this many standard deviations of the training labels.
NEAR = 0.5
#: Fewest held-out numbers to say how often a prediction is near.
LEAST = 10


def predicted_classes(task: Task, prediction: Prediction) -> Tensor:
    """Return the class that `Task.predict` says of each target, int64 [N, T].

    It need not be the likeliest: where the task has a threshold of its own it decides, and of levels in order
    their median is said.
    """
    if prediction.probabilities is None:
        return prediction.classes()
    if task.decision is not None:
        return above(task.decision, prediction.probabilities[..., 1]).long()
    if not task.ordered:
        return prediction.classes()
    passed = 1 - prediction.probabilities.double().cumsum(dim=-1)[..., :-1]
    return (passed > beyond(0.5)).sum(dim=-1)


@final
class CalibratedConfidence:
    """What held-out rows say of a learner's confidence.

    Args:
        calibrators: task of classes or labels -> how its probabilities are corrected.
        near: task of numbers -> per target the share of held-out rows on which the prediction was within half
            a standard deviation of the training labels; `None` with fewer than ten of them.
        temperatures: task of classes or labels -> what its outputs are divided by before all else; see
            `fit_temperatures`.
        thresholds: task of labels -> where yes begins, where that was to be chosen.
    """

    def __init__(
        self,
        calibrators: Mapping[str, Calibrator] | None = None,
        near: Mapping[str, Sequence[float | None]] | None = None,
        temperatures: Mapping[str, float] | None = None,
        thresholds: Mapping[str, Thresholds] | None = None,
    ) -> None:
        self.calibrators = dict(calibrators or {})
        self.near = dict(near or {})
        self.temperatures = dict(temperatures or {})
        self.thresholds = dict(thresholds or {})

    @classmethod
    def learn(
        cls,
        tasks: Sequence[Task],
        outputs: Mapping[str, Tensor],
        held: Examples,
        calibration: Calibrator | None = None,
        *,
        output_space: OutputSpace | None = None,
        around: Mapping[str, float] | None = None,
    ) -> CalibratedConfidence:
        """Learn from the validation rows.

        Args:
            tasks: the tasks.
            outputs: of the learner's networks on those rows.
            held: those rows.
            calibration: how the confidence is corrected beyond the temperature; default not at all.
            output_space: what makes outputs of other tasks' heads.
            around: task -> the temperature that is expected before these rows are seen.
        """
        temperatures = fit_temperatures(tasks, outputs, held, output_space, around=around)
        found = cls(temperatures=temperatures)
        return found.relearned(tasks, tempered(outputs, temperatures), held, calibration)

    def relearned(
        self,
        tasks: Sequence[Task],
        outputs: Mapping[str, Tensor],
        held: Examples,
        calibration: Calibrator | None = None,
    ) -> CalibratedConfidence:
        """Return the same temperatures beside what the validation rows say of these outputs.

        Args:
            tasks: the tasks.
            outputs: of whoever answers on those rows, divided by the temperatures.
            held: those rows.
            calibration: how the confidence is corrected beyond that; default not at all.
        """
        calibrators, near = {}, {}
        for task in tasks:
            if task.reads != "vector":
                # A row's labels are not one by one right or wrong there: its confidence stays the network's.
                continue
            prediction = prediction_of_output(task, outputs[task.name])
            targets, mask = held.targets[task.name], held.masks[task.name] > 0
            if prediction.probabilities is None:
                close = (prediction.pseudo_labels(torch.float32) - targets).abs() <= NEAR
                near[task.name] = [_share(close[mask[:, t], t]) for t in range(mask.shape[1])]
            elif calibration is not None:
                calibrators[task.name] = calibration.fit(prediction.probabilities, targets.long(), mask)
        thresholds = choose_thresholds(tasks, outputs, held)
        return CalibratedConfidence(calibrators, near, self.temperatures, thresholds)

    def sure(self, task: Task, prediction: Prediction) -> np.ndarray:
        """Return the estimated probability of being right, [N, T]; NaN where nothing is known of it."""
        if prediction.probabilities is None:
            shares = self.near.get(task.name, [None] * len(task.columns))
            if len(shares) != len(task.columns):
                raise RunError(
                    f"{CONFIDENCE} has {len(shares)} values for the {len(task.columns)} columns of "
                    f"{task.name!r}: the run is damaged, train again."
                )
            row = [float("nan") if share is None else share for share in shares]
            return np.tile(np.array(row), (len(prediction.pseudo_labels(torch.float32)), 1))
        said = predicted_classes(task, prediction)
        calibrator = self.calibrators.get(task.name)
        if calibrator is not None:
            prediction = Prediction(calibrator.apply(prediction.probabilities))
        return prediction.confidence(said).double().numpy()

    def write(self, folder: Path) -> None:
        """Write it to a run folder."""
        saved = {
            "calibrators": {task: one.state_dict() for task, one in self.calibrators.items()},
            "near": self.near,
            "temperatures": self.temperatures,
            "thresholds": {task: one.to_json() for task, one in self.thresholds.items()},
        }
        write_text_atomically(folder / CONFIDENCE, json.dumps(saved, indent=1) + "\n")

    @classmethod
    def read(cls, folder: Path, calibration: Calibrator | None = None) -> Self:
        """Read what `write` wrote; a run that ended before it could calibrate has nothing of it."""
        path, calibrators = folder / CONFIDENCE, {}
        if not path.is_file():
            return cls()
        try:
            saved = json.loads(path.read_text(encoding="utf-8"))
            for task, state in saved["calibrators"].items():
                calibrators[task] = (calibration or Temperature()).restored(state)
            near = {
                task: [None if share is None else float(share) for share in shares]
                for task, shares in saved["near"].items()
            }
            # Runs of before have none.
            temperatures = {task: _positive(one) for task, one in saved.get("temperatures", {}).items()}
            thresholds = {
                task: Thresholds.from_json(one) for task, one in saved.get("thresholds", {}).items()
            }
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError) as error:
            raise RunError(f"{path} is damaged ({type(error).__name__}: {error}): train again.") from error
        return cls(calibrators, near, temperatures, thresholds)


def _positive(value: object) -> float:
    number = float(str(value))
    if not 0 < number < float("inf"):
        raise ValueError(f"a temperature of {value!r}")
    return number


def _share(close: Tensor) -> float | None:
    """Return the share of true ones, each side having half a row more; `None` if there are too few."""
    return None if len(close) < LEAST else round((float(close.sum()) + 0.5) / (len(close) + 1), 4)
