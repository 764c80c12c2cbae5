"""What a fit leaves for use: from a table to predictions, and nothing that could change on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self, final

from torch import Tensor

from cotrain.data import from_polars_like
from cotrain.evaluation import EvaluationTable, evaluate
from cotrain.learner._confidence import CalibratedConfidence
from cotrain.learner._preprocessing import Preprocessor
from cotrain.learner._provenance import Provenance
from cotrain.training import FrozenNetworks


@final
@dataclass(frozen=True, eq=False)
class FittedModel:
    """A fitted model that nobody can change: preprocess → network → decode.

    It holds one network for each set of weights, in evaluation mode for good, and writes nothing while it
    answers, so any number of threads may use one at the same time. A copy is the same object.

    Args:
        preprocessor: of the inputs and the tasks.
        networks: what answers.
        confidence: what held-out rows say of how sure it may be.
        provenance: which cells of the training table it labelled itself.

    Example:
        >>> import cotrain as ct
        >>> import polars as pl
        >>> frame = pl.DataFrame({"x": [i / 20 for i in range(40)], "y": [0.5 * i for i in range(40)]})
        >>> learner = ct.Learner([ct.tasks.Regression("y")], training=ct.Training(epochs=1))
        >>> model = learner.fit(frame, validation=0.25, progress=False).fitted
        >>> model.predict(frame).equals(learner.predict(frame))
        True
    """

    preprocessor: Preprocessor
    networks: FrozenNetworks
    confidence: CalibratedConfidence = field(default_factory=CalibratedConfidence)
    provenance: Provenance = field(default_factory=Provenance)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self

    def outputs(self, data: object) -> dict[str, Tensor]:
        """Return each task's raw outputs [N, O] for every row, as its head gives them."""
        return self.networks.outputs(self.preprocessor.inputs(data))

    def predict(self, data: object) -> Any:
        """Predict every task for every row.

        Args:
            data: rows with the input columns of the training table; targets are not needed. A dict, column ->
                value, is one row.

        Returns:
            A frame of the caller's own kind (polars for paths and datasets), one or more columns a task.
            Classes have the type that they had in the training frame, and its spelling. For a dict a dict,
            column -> value.

        Raises:
            DataError: columns are missing or unreadable.
        """
        if isinstance(data, Mapping):
            outputs = self.networks.outputs(self.preprocessor.inputs_of_row(data))
            return self.preprocessor.decoded_row(outputs)
        found = from_polars_like(self.preprocessor.decoded(self.outputs(data)), data)
        if hasattr(found, "iloc"):
            for task in self.preprocessor.tasks:
                for column in task.columns:
                    name = column if column in found.columns else task.name
                    if column in self.preprocessor.labels:
                        found[name] = self.preprocessor.labels[column].as_pandas(found[name])
        return found

    def evaluate(self, data: object) -> EvaluationTable:
        """Evaluate every task on the labelled rows of `data`.

        Returns:
            A table with a row per task and metric, that prints itself; `reference` is the value of the
            best constant prediction.
        """
        examples = self.preprocessor.examples(data)
        return evaluate(
            self.preprocessor.tasks,
            self.networks.outputs(examples.inputs),
            examples.targets,
            examples.masks,
            constants=self.preprocessor.constants,
            parts=True,
        )
