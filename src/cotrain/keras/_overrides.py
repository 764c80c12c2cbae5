"""What a user's own class of model does itself, so that nothing of it is dropped without a word."""

from __future__ import annotations

import keras

from cotrain._base import InvalidArgumentError

#: Methods through which a model of a user's own trains, measures or computes in a way of its own.
_OWN_WAYS = (
    "call",
    "compute_loss",
    "compute_metrics",
    "compute_output_spec",
    "predict_step",
    "test_step",
    "train_step",
)


def own_ways(model_class: type, base: type) -> list[str]:
    """Return the names of the methods that a class, or one between it and `base`, defines for itself.

    Classes of Keras itself, such as the functional model behind `keras.Model(inputs, outputs)`, do not count.

    Example:
        >>> class Doubling(keras.Model):
        ...     def call(self, x):
        ...         return 2 * x
        >>> own_ways(Doubling, keras.Model)
        ['call']
    """
    above = set(base.__mro__)
    own = [cls for cls in model_class.__mro__ if cls not in above and not cls.__module__.startswith("keras.")]
    return [name for name in _OWN_WAYS if any(name in vars(cls) for cls in own)]


def refuse_own_ways(model: keras.Model, base: type) -> None:
    """Refuse a model whose class does something itself that a copy of its layers would not do.

    Args:
        model: the model.
        base: the class of which the copy will be.

    Raises:
        InvalidArgumentError: it does; the error names the methods.
    """
    found = own_ways(type(model), base if isinstance(model, base) else keras.Model)
    if found:
        raise InvalidArgumentError(
            f"balance(model) makes a model of the layers alone, and {type(model).__name__} has its own "
            f"{', '.join(found)}, which would be lost: build the network as keras.Model(inputs, outputs), or "
            "derive your class from cotrain.keras.MultiTaskModel."
        )
