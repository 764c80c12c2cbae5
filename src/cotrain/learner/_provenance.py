"""Which cells of its own training table a learner labelled itself, and who made it do so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self, final

import numpy as np
import polars as pl
import torch
from torch import Tensor

from cotrain._base import write_atomically
from cotrain._base._ragged import Leaf, Ragged
from cotrain.cotraining import PseudoLabels
from cotrain.data._row_hash import row_keys
from cotrain.learner._run_folder import PSEUDO_LABELS
from cotrain.tasks import HypothesisLabelling, Task
from cotrain.training import Examples

_CELLS = {
    "row": pl.String,
    "task": pl.String,
    "target": pl.Int64,
    "value": pl.Float64,
    "confidence": pl.Float64,
    "round": pl.Int64,
    "teacher": pl.String,
    "text": pl.String,
}


@final
class Provenance:
    """The pseudo-labels that a network has learned from.

    Args:
        cells: one line per pseudo-label: row (a hash of its inputs), task, target, value (coded),
            confidence, round, teacher, and text where the label is one, whose value is 1; `None`: there are
            none.

    Example:
        >>> Provenance().cells.height
        0
    """

    def __init__(self, cells: pl.DataFrame | None = None) -> None:
        self.cells = pl.DataFrame(schema=_CELLS) if cells is None else cells

    @classmethod
    def of(
        cls,
        rows: Examples,
        labels: Mapping[str, PseudoLabels],
        tasks: Sequence[Task] = (),
    ) -> Self:
        """Write down the pseudo-labels of co-training.

        Args:
            rows: N training rows.
            labels: task -> its pseudo-labels.
            tasks: fitted, to write texts by.
        """
        written = {task.name: task.hypothesis_labelling() for task in tasks}
        keys = np.array(row_keys(rows.inputs))
        parts = [
            _cells(keys, task, one, targets=rows.targets[task], labelling=written.get(task))
            for task, one in labels.items()
            if one.n_accepted
        ]
        return cls(pl.concat(parts) if parts else None)

    def pseudo_labels(self, task: Task, inputs: Mapping[str, Tensor]) -> pl.DataFrame | None:
        """Return the pseudo-labels of rows with these inputs, a line per row and target, in their order.

        The columns are those of `cells`, empty where there was none; `None` if there are none at all.
        """
        if not self.cells.height:
            return None
        keys = pl.DataFrame({"row": row_keys(inputs)}).with_row_index("place")
        targets = pl.DataFrame({"target": list(range(len(task.labels)))})
        mine = self.cells.filter(pl.col("task") == task.name).unique(["row", "target"], keep="first")
        grid = keys.join(targets, how="cross")
        return grid.join(mine, on=["row", "target"], how="left").sort("place", "target")

    def write(self, folder: Path) -> None:
        """Write the cells to a run folder, if there are any."""
        if self.cells.height:
            write_atomically(folder / PSEUDO_LABELS, self.cells.write_parquet)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what `write` wrote."""
        path = folder / PSEUDO_LABELS
        if not path.is_file():
            return cls()
        cells = pl.read_parquet(path)
        # Runs of before have no texts.
        absent = [name for name in _CELLS if name not in cells.columns]
        return cls(cells.with_columns(pl.lit(None, _CELLS[name]).alias(name) for name in absent))


def _cells(
    keys: np.ndarray,
    task: str,
    labels: PseudoLabels,
    *,
    targets: Leaf,
    labelling: HypothesisLabelling | None,
) -> pl.DataFrame:
    accepted = labels.accepted
    places = torch.nonzero(accepted)
    if isinstance(targets, Ragged):
        # An entry's target is its place in its row.
        rows = targets.row_of_entry[places[:, 0]]
        places = torch.stack([rows, places[:, 0] - targets.offsets[rows]], dim=1)
    elif labels.texts is None and len(accepted) != len(targets):
        of_row = targets[:1].numel()
        places = torch.stack([places[:, 0] // of_row, places[:, 0] % of_row], dim=1)
    places = places.numpy()
    texts = [None] * len(places)
    if labels.texts is not None and labelling is not None:
        texts = [labelling.text_of(row) for row in labels.texts[places[:, 0]].numpy()]
    return pl.DataFrame(
        {
            # By gathering: there may be millions of pixels.
            "row": pl.Series(keys, dtype=pl.String).gather(places[:, 0]),
            "task": pl.repeat(task, len(places), eager=True),
            "target": places[:, 1],
            "value": labels.values[accepted].double().numpy(),
            "confidence": labels.confidence[accepted].double().numpy(),
            "round": pl.repeat(labels.round, len(places), dtype=pl.Int64, eager=True),
            "teacher": pl.repeat(labels.teacher, len(places), eager=True),
            "text": pl.Series(texts, dtype=pl.String),
        },
        schema=_CELLS,
    )
