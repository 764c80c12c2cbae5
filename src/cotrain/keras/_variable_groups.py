"""Which variables the tasks share, and which layers' Gramians need no gradient of their weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from cotrain._base import InvalidArgumentError


@dataclass(frozen=True)
class VariableGroups:
    """The trainable variables, sorted.

    Args:
        shared: on which the tasks compete.
        own: all others.
        reach: for each of `own`, the places of the tasks whose output depends on it.
        reach_shared: the same for `shared`.
    """

    shared: tuple[Any, ...]
    own: tuple[Any, ...]
    reach: tuple[frozenset[int], ...]
    reach_shared: tuple[frozenset[int], ...]

    @property
    def variables(self) -> list[Any]:
        """Shared variables first."""
        return [*self.shared, *self.own]


def group_variables(
    tape: tf.GradientTape, variables: Sequence[Any], outputs: Sequence[tf.Tensor], chosen: set[int] | None
) -> VariableGroups:
    """Sort the variables by the outputs that depend on them.

    Args:
        tape: persistent, has recorded the forward pass.
        variables: the trainable ones.
        outputs: K.
        chosen: ids of the shared variables; `None`: those that more than one output depends on.
    """
    # None says that an output does not depend on a variable; in a graph nothing of this is ever computed.
    reached = [tape.gradient(output, list(variables)) for output in outputs]
    reach = [
        frozenset(k for k, row in enumerate(reached) if row[i] is not None) for i in range(len(variables))
    ]
    is_shared = [
        len(r) > 1 if chosen is None else id(v) in chosen for v, r in zip(variables, reach, strict=True)
    ]
    pairs = list(zip(variables, reach, is_shared, strict=True))
    return VariableGroups(
        tuple(v for v, _, shared in pairs if shared),
        tuple(v for v, _, shared in pairs if not shared),
        tuple(r for _, r, shared in pairs if not shared),
        tuple(r for _, r, shared in pairs if shared),
    )


def chosen_variables(model: keras.Model, shared: str | Sequence[Any]) -> set[int] | None:
    """Return the ids of the variables of the given layers; `None` for "auto".

    Raises:
        InvalidArgumentError: for another word, or a layer that is not in the model.
    """
    if isinstance(shared, str):
        if shared != "auto":
            raise InvalidArgumentError(
                f"MultiTaskModel(shared={shared!r}) must be 'auto' or a list of layers or their names."
            )
        return None
    layers = {layer.name: layer for layer in model._flatten_layers(include_self=False)}
    names = [item if isinstance(item, str) else item.name for item in shared]
    for name in names:
        if name not in layers:
            raise InvalidArgumentError(
                f"MultiTaskModel(shared=...) names the layer {name!r}, which is not in the model: it has "
                f"{', '.join(repr(known) for known in layers)}."
            )
    return {id(variable) for name in names for variable in layers[name].trainable_variables}
