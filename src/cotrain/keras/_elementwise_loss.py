"""Losses per entry, for tasks of several targets of which some are missing."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="cotrain")
class Entrywise(keras.losses.Loss):
    """The loss of each entry of [B, T] targets instead of a mean over the T targets of a row.

    Keras averages over the last axis, so that one missing target makes the row's value unusable. With this
    around it a NaN costs one entry, and the task's loss is the mean over the labelled entries:

        loss = Σ over labelled (b, t) of ℓ(y[b, t], ŷ[b, t]) / number of labelled (b, t)

    Args:
        loss: a loss that looks at each entry by itself ("binary_crossentropy", "mse", "mae", "huber", ...),
            as a name, a function or a `keras.losses.Loss`. Not for losses over classes.
        name: a name.

    Example:
        >>> import numpy as np
        >>> Entrywise("mse").call(np.array([[1.0, 2.0]]), np.array([[1.0, 4.0]])).numpy().tolist()
        [[0.0, 4.0]]
    """

    def __init__(self, loss: Any, name: str | None = None) -> None:
        super().__init__(name=name, reduction="sum_over_batch_size")
        self.loss = loss
        resolved = keras.losses.get(loss)
        self._function = resolved.call if isinstance(resolved, keras.losses.Loss) else resolved

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the losses of [B, T] targets, [B, T]."""
        return self._function(keras.ops.expand_dims(y_true, -1), keras.ops.expand_dims(y_pred, -1))

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return {"loss": keras.losses.serialize(keras.losses.get(self.loss)), "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Entrywise:
        """Undo `get_config`."""
        return cls(keras.losses.deserialize(config["loss"]), name=config["name"])
