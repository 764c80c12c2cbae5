"""Boosted trees of a run, fitted in a process of their own while the networks are trained."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self, final

import numpy as np

from cotrain.comparison._checked_files import read_arrays, write_arrays
from cotrain.configuration import construct_class
from cotrain.data import Schema, TypedTable
from cotrain.evaluation import BoostedTrees
from cotrain.jobs import Beside, spare_cores
from cotrain.learner import Configuration, Learner, SplitTable
from cotrain.learner._fitting import FitOptions, Fitting
from cotrain.learner._preprocessing import no_inputs
from cotrain.learner._tree_reference import TreeReference

_PARTS = ("train", "validation", "unlabelled")
#: Inputs of which a second copy in memory would be too much.
_LARGE = {"picture", "sound"}
#: Training rows from which on a process is worth it: to begin takes it 4 s of CPU, and trees of fewer rows
#: are fitted in seconds.
FEWEST_ROWS = 2000


@final
class TreesBeside:
    """Trees that are fitted meanwhile, to the same rows with the same seed as they would be later.

    On two cores the demo takes two thirds of the time so. Where no core is spare, no process can be started,
    or the one that was has died, there are none, and who needs trees fits them himself.

    Args:
        beside: who fits them.
        output: the file that gets them.
        names: of the tasks.
    """

    def __init__(
        self,
        beside: Beside | None = None,
        output: Path | None = None,
        names: Sequence[str] = (),
        *,
        folder: tempfile.TemporaryDirectory[str] | None = None,
    ) -> None:
        self.beside, self.output, self.names = beside, output, list(names)
        self._folder = folder
        self._fitted: dict[str, BoostedTrees] | None = None

    @classmethod
    def begin(cls, configuration: Configuration, split: SplitTable, *, wanted: bool) -> Self:
        """Begin to fit trees, if they are needed and can be fitted beside the networks.

        Args:
            configuration: of the run.
            split: its rows.
            wanted: whether a process may be started at all.
        """
        threads = spare_cores() if wanted and _needs_trees(configuration, split) else 0
        if not threads:
            return cls()
        folder = tempfile.TemporaryDirectory(prefix="cotrain-trees-")
        for part in _PARTS:
            split.typed(part).write_parquet(Path(folder.name) / f"{part}.parquet")
        output = Path(folder.name) / "trees.npz"
        arguments = {
            "parts": folder.name,
            "output": str(output),
            "config": configuration.learner.config(),
            "left_out": list(split.left_out),
        }
        names = [task.name for task in configuration.learner.tasks]
        return cls(Beside(fit_all_trees, arguments, threads=threads), output, names, folder=folder)

    def fitted(self) -> Mapping[str, BoostedTrees]:
        """Wait for them, and return task -> trees; nothing where there are none."""
        if self._fitted is None:
            self._fitted = {}
            if self.beside is not None and self.output is not None and self.beside.has_succeeded():
                self._fitted = self._read(read_arrays(self.output))
        return self._fitted

    def _read(self, arrays: Mapping[str, np.ndarray]) -> dict[str, BoostedTrees]:
        found: dict[str, dict[str, np.ndarray]] = {}
        for key, array in arrays.items():
            number, _, name = key.partition(".")
            found.setdefault(self.names[int(number)], {})[name] = array
        return {task: BoostedTrees.from_arrays(own) for task, own in found.items()}

    def __enter__(self) -> Self:
        """Begin what they are fitted beside of."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stop fitting, and remove the files."""
        if self.beside is not None:
            self.beside.stop()
        if self._folder is not None:
            self._folder.cleanup()


def _needs_trees(configuration: Configuration, split: SplitTable) -> bool:
    learner = configuration.learner
    if split.n_rows["train"] < FEWEST_ROWS:
        return False
    auto = learner.answer == "auto"
    # Where co-training labels rows, who answers is chosen among trees of other rows.
    if auto and learner.cotraining is not None:
        return False
    if not auto and (configuration.references == "constant" or not split.n_rows["test"]):
        return False
    exclude = [*no_inputs(learner.tasks, learner.columns), *split.left_out]
    some = split["train"].head(200)
    schema = Schema.infer(some, [c for c in exclude if c in some.columns], learner.columns, ask=False)
    return not _LARGE & {note.kind for note in schema.notes}


def fit_all_trees(parts: str, output: str, config: Mapping[str, Any], left_out: Sequence[str]) -> None:
    """Fit boosted trees to every task that can have some, and keep them.

    Args:
        parts: folder with train.parquet, validation.parquet and unlabelled.parquet.
        output: file to write: the arrays of `BoostedTrees`, behind the number of their task.
        config: of the learner.
        left_out: columns that are neither inputs nor targets.
    """
    learner = construct_class(Learner, config, "")
    train, validation, unlabelled = (TypedTable.read(Path(parts) / f"{name}.parquet") for name in _PARTS)
    held = validation if validation.height else None
    options = FitOptions(unlabelled=unlabelled, progress=False, left_out=left_out)
    preprocessor = Fitting(copy.deepcopy(learner), train, held, options).preprocessor
    trees = TreeReference(preprocessor, train, held, seed=learner.seed, library=learner.trees)
    arrays: dict[str, np.ndarray] = {}
    for number, task in enumerate(preprocessor.tasks):
        if task.reads == "vector":
            arrays |= {f"{number}.{name}": array for name, array in trees.fit(task).arrays().items()}
    write_arrays(Path(output), arrays)
