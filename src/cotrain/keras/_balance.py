"""A balanced model of the layers of another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Balancer
from cotrain.keras._model import MultiTaskModel
from cotrain.keras._overrides import refuse_own_ways


def balance(
    model: keras.Model,
    *,
    tasks: Sequence[str] | None = None,
    balancer: Balancer | None = None,
    shared: str | Sequence[Any] = "auto",
    preference: Mapping[str, float] | None = None,
    reference_losses: Mapping[str, float] | None = None,
    source: str = "auto",
) -> MultiTaskModel:
    """Return a `MultiTaskModel` of the layers of an existing functional model, weights included.

    Args:
        model: a functional model.
        tasks: as for `MultiTaskModel`; `None` for a list of outputs: the names of its output layers.
        balancer: as for `MultiTaskModel`.
        shared: as for `MultiTaskModel`.
        preference: as for `MultiTaskModel`.
        reference_losses: as for `MultiTaskModel`.
        source: as for `MultiTaskModel`.

    Example:
        >>> inputs = keras.Input((4,))
        >>> hidden = keras.layers.Dense(8)(inputs)
        >>> network = keras.Model(inputs, [keras.layers.Dense(1, name=n)(hidden) for n in ("price", "sold")])
        >>> balance(network).tasks
        ('price', 'sold')

    Raises:
        InvalidArgumentError: the model is not functional, or its class has a `train_step`, `compute_loss` or
            `call` of its own, which the new model would not have.
    """
    if not isinstance(model, keras.Model) or not getattr(model, "output_names", None):
        raise InvalidArgumentError(
            f"balance(model) needs a functional keras.Model, made of inputs and outputs; got "
            f"{type(model).__name__}."
        )
    refuse_own_ways(model, MultiTaskModel)
    outputs = model.output
    if not isinstance(outputs, Mapping):
        listed = list(outputs) if isinstance(outputs, (list, tuple)) else [outputs]
        if tasks is None:
            tasks = list(model.output_names)
        outputs = listed
    return MultiTaskModel(
        model.input,
        outputs,
        tasks=tasks,
        balancer=balancer,
        shared=shared,
        preference=preference,
        reference_losses=reference_losses,
        source=source,
    )
