"""How sure a fitted learner may be of what it predicts, and which cells of its own table it labelled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Self, final

import numpy as np
import polars as pl
import torch
from torch import Tensor

from cotrain._base import write_atomically, write_text_atomically
from cotrain.cotraining import (
    Calibrator,
    Prediction,
    PseudoLabels,
    Temperature,
    prediction_of_output,
)
from cotrain.data._row_hash import row_keys
from cotrain.learner._run_folder import CONFIDENCE, PSEUDO_LABELS
from cotrain.tasks import Task
from cotrain.training import Examples

if TYPE_CHECKING:
    from cotrain.learner._cotraining_stage import CoTrainingStage

#: A number counts as right within this many standard deviations of the training labels.
NEAR = 0.5
#: Fewest held-out numbers to say how often a prediction is near.
LEAST = 10

_CELLS = {
    "row": pl.String,
    "task": pl.String,
    "target": pl.Int64,
    "value": pl.Float64,
    "confidence": pl.Float64,
    "round": pl.Int64,
    "teacher": pl.String,
}


@final
class CalibratedConfidence:
    """What held-out rows say of a learner's confidence, and the pseudo-labels that it learned from.

    Args:
        calibrators: task of classes or labels -> how its probabilities are corrected.
        near: task of numbers -> per target the share of held-out rows on which the prediction was within half
            a standard deviation of the training labels; `None` with fewer than ten of them.
        cells: one line per pseudo-label: row (a hash of its inputs), task, target, value (coded),
            confidence, round, teacher.
    """

    def __init__(
        self,
        calibrators: Mapping[str, Calibrator] | None = None,
        near: Mapping[str, Sequence[float | None]] | None = None,
        cells: pl.DataFrame | None = None,
    ) -> None:
        self.calibrators = dict(calibrators or {})
        self.near = dict(near or {})
        self.cells = pl.DataFrame(schema=_CELLS) if cells is None else cells

    @classmethod
    def learn(
        cls,
        tasks: Sequence[Task],
        outputs: Mapping[str, Tensor],
        held: Examples | None,
        rounds: CoTrainingStage | None = None,
    ) -> Self:
        """Learn from the validation rows.

        Args:
            tasks: the tasks.
            outputs: of the learner on those rows.
            held: those rows; `None`: nothing is corrected.
            rounds: co-training, whose calibration is used, and whose labels are remembered.
        """
        calibration = Temperature() if rounds is None else rounds.settings.calibration
        calibrators, near, cells = {}, {}, None if rounds is None else rounds.cells
        if held is None:
            return cls(cells=cells)
        for task in tasks:
            prediction = prediction_of_output(task, outputs[task.name])
            targets, mask = held.targets[task.name], held.masks[task.name] > 0
            if prediction.probabilities is None:
                close = (prediction.pseudo_labels(torch.float32) - targets).abs() <= NEAR
                near[task.name] = [_share(close[mask[:, t], t]) for t in range(mask.shape[1])]
            else:
                calibrators[task.name] = calibration.fit(prediction.probabilities, targets.long(), mask)
        return cls(calibrators, near, cells)

    def sure(self, task: Task, prediction: Prediction) -> np.ndarray:
        """Return the estimated probability of being right, [N, T]; NaN where nothing is known of it."""
        if prediction.probabilities is None:
            shares = self.near.get(task.name, [None] * len(task.columns))
            row = [float("nan") if share is None else share for share in shares]
            return np.tile(np.array(row), (len(prediction.pseudo_labels(torch.float32)), 1))
        calibrator = self.calibrators.get(task.name)
        if calibrator is not None:
            prediction = Prediction(calibrator.apply(prediction.probabilities), ordered=prediction.ordered)
        return prediction.confidence().double().numpy()

    def pseudo_labels(self, task: Task, inputs: Mapping[str, Tensor]) -> pl.DataFrame | None:
        """Return the pseudo-labels of rows with these inputs, a line per row and target, in their order.

        The columns are those of `cells`, empty where there was none; `None` if the run has none at all.
        """
        if not self.cells.height:
            return None
        keys = pl.DataFrame({"row": row_keys(inputs)}).with_row_index("place")
        targets = pl.DataFrame({"target": list(range(len(task.labels)))})
        mine = self.cells.filter(pl.col("task") == task.name).unique(["row", "target"], keep="first")
        grid = keys.join(targets, how="cross")
        return grid.join(mine, on=["row", "target"], how="left").sort("place", "target")

    def write(self, folder: Path) -> None:
        """Write both parts to a run folder."""
        saved = {
            "calibrators": {task: one.state_dict() for task, one in self.calibrators.items()},
            "near": self.near,
        }
        write_text_atomically(folder / CONFIDENCE, json.dumps(saved, indent=1) + "\n")
        if self.cells.height:
            write_atomically(folder / PSEUDO_LABELS, self.cells.write_parquet)

    @classmethod
    def read(cls, folder: Path, calibration: Calibrator | None = None) -> Self:
        """Read what `write` wrote; a run folder of before has nothing of it."""
        path, calibrators = folder / CONFIDENCE, {}
        if not path.is_file():
            return cls()
        saved = json.loads(path.read_text(encoding="utf-8"))
        for task, state in saved["calibrators"].items():
            calibrators[task] = (calibration or Temperature()).restored(state)
        cells = folder / PSEUDO_LABELS
        return cls(calibrators, saved["near"], pl.read_parquet(cells) if cells.is_file() else None)


def cells_of(rows: Examples, labels: Mapping[str, PseudoLabels], rounds: Mapping[str, int]) -> pl.DataFrame:
    """Return pseudo-labels as a table, see `CalibratedConfidence`.

    Args:
        rows: N training rows.
        labels: task -> its pseudo-labels.
        rounds: task -> the round that was chosen for it.
    """
    keys = np.array(row_keys(rows.inputs))
    parts = []
    for task, one in labels.items():
        places = torch.nonzero(one.accepted).numpy()
        accepted = one.accepted
        parts.append(
            pl.DataFrame(
                {
                    "row": keys[places[:, 0]].tolist(),
                    "task": [task] * len(places),
                    "target": places[:, 1],
                    "value": one.values[accepted].double().numpy(),
                    "confidence": one.confidence[accepted].double().numpy(),
                    "round": [rounds[task]] * len(places),
                    "teacher": [one.teacher] * len(places),
                },
                schema=_CELLS,
            )
        )
    return pl.concat(parts) if parts else pl.DataFrame(schema=_CELLS)


def _share(close: Tensor) -> float | None:
    """Return the share of true ones, each side having half a row more; `None` if there are too few."""
    return None if len(close) < LEAST else round((float(close.sum()) + 0.5) / (len(close) + 1), 4)
