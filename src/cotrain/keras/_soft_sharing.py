"""Soft sharing: a network per task, drawn together by a penalty on the distance of their weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras

from cotrain._base import InvalidArgumentError


@keras.saving.register_keras_serializable(package="cotrain")
class SoftSharingLayer(keras.layers.Layer):
    """Two or more models side by side on one input, with a penalty on the distance of matching layers.

    penalty = strength · Σ over matching variables of Σᵢ ‖vᵢ − mean of v‖²

    with i over the models. At strength 0 they are separate; with a large one they are nearly one. The penalty
    is a loss of the layer like any regulariser's, so it works in a plain `keras.Model` as well.

    The n-th layers of the models match if they are of one class and their variables have the same shapes;
    `matches` says which do. Layers without a counterpart, such as heads of another width, stay free.

    Args:
        models: two or more functional or sequential models that take the same input.
        strength: ≥ 0.
        name: of the layer.

    Raises:
        InvalidArgumentError: fewer than two models, a model that is not built, a negative strength, or no
            layer that matches.

    Example:
        >>> def tower(units):
        ...     return keras.Sequential([keras.Input((4,)), keras.layers.Dense(8), keras.layers.Dense(units)])
        >>> sharing = SoftSharingLayer([tower(10), tower(1)], strength=1e-3)
        >>> len(sharing.matches)
        1
        >>> digit, odd = sharing(keras.Input((4,)))
        >>> digit.shape, odd.shape
        ((None, 10), (None, 1))

    Source: Duong et al., "Low Resource Dependency Parsing: Cross-lingual Parameter Sharing in a Neural
    Network Parser", 2015, https://aclanthology.org/P15-2139/. Different here: any number of models, drawn
    to their mean.
    """

    def __init__(
        self, models: Sequence[keras.Model], strength: float = 1e-3, name: str | None = None
    ) -> None:
        super().__init__(name=name)
        if len(models) < 2 or not all(isinstance(model, keras.Model) and model.built for model in models):
            raise InvalidArgumentError(
                f"SoftSharing(models=...) needs two or more models that are built, got {list(models)!r}: "
                "give them a keras.Input."
            )
        if not 0 <= strength < float("inf"):
            raise InvalidArgumentError(f"SoftSharing(strength=...) must be at least 0, got {strength!r}.")
        self.models = list(models)
        self.strength = strength
        self._pairs = _matching(self.models)
        if not self._pairs:
            shapes = [[tuple(v.shape) for v in model.trainable_variables] for model in models]
            raise InvalidArgumentError(
                f"SoftSharing found no layers that match, by place, class and shapes: the models have "
                f"{shapes}."
            )

    @property
    def matches(self) -> list[tuple[str, ...]]:
        """The names of the layers that are drawn together, one tuple per place."""
        return [tuple(layer.name for layer in layers) for layers in self._pairs]

    def penalty(self) -> Any:
        """Return the penalty, a scalar."""
        total = keras.ops.zeros(())
        for layers in self._pairs:
            for variables in zip(*(layer.trainable_variables for layer in layers), strict=True):
                values = keras.ops.stack([v.value for v in variables])
                away = values - keras.ops.mean(values, axis=0, keepdims=True)
                total = total + keras.ops.cast(keras.ops.sum(away * away), total.dtype)
        return self.strength * total

    def call(self, inputs: Any, training: bool | None = None) -> list[Any]:
        """Return the models' outputs."""
        self.add_loss(self.penalty())
        return [model(inputs, training=training) for model in self.models]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        models = [keras.saving.serialize_keras_object(model) for model in self.models]
        return {"models": models, "strength": self.strength, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SoftSharingLayer:
        """Undo `get_config`."""
        models = [keras.saving.deserialize_keras_object(model) for model in config["models"]]
        return cls(models, strength=config["strength"], name=config["name"])


def _matching(models: Sequence[keras.Model]) -> list[tuple[keras.layers.Layer, ...]]:
    with_weights = [[layer for layer in model.layers if layer.trainable_variables] for model in models]
    return [
        layers
        for layers in zip(*with_weights, strict=False)
        if len({type(layer) for layer in layers}) == 1
        and len({tuple(tuple(v.shape) for v in layer.trainable_variables) for layer in layers}) == 1
    ]
