"""A balancer in a `.keras` or `.weights.h5` file: its arguments as JSON, its state as bytes. No pickle."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from cotrain import balancing
from cotrain._base import InvalidArgumentError, RunError, parameters_of
from cotrain.balancing import Balancer


def balancer_config(balancer: Balancer) -> dict[str, Any]:
    """Return the class and the arguments of a balancer as JSON values.

    Raises:
        InvalidArgumentError: an argument is neither a plain value nor a balancer.
    """
    cls = type(balancer)
    name = keras.saving.get_registered_name(cls)
    parameters = {key: _plain(cls, key, value) for key, value in parameters_of(balancer).items()}
    return {"class": name, "parameters": parameters}


def balancer_from_config(config: Mapping[str, Any], custom_objects: Any = None) -> Balancer:
    """Make the balancer that `balancer_config` described.

    Only exported methods and classes that Keras knows are made: a file cannot name any other code.

    Raises:
        RunError: the class is not known.
    """
    name = config["class"]
    cls = getattr(balancing, name, None) if name in balancing.__all__ else None
    cls = cls or keras.saving.get_registered_object(name, custom_objects=custom_objects)
    if not isinstance(cls, type) or not issubclass(cls, Balancer):
        raise RunError(
            f"The saved model uses the balancer {name!r}, which is neither in cotrain.balancing nor known to "
            "Keras: decorate its class with keras.saving.register_keras_serializable() before loading."
        )
    return cls(**{key: _unplain(value, custom_objects) for key, value in config["parameters"].items()})


def pack(state: Any) -> np.ndarray:
    """Return any state of numbers, strings, lists, dicts and arrays as bytes in an array."""
    return np.frombuffer(json.dumps(_packed(state)).encode(), dtype=np.uint8)


def unpack(data: np.ndarray) -> Any:
    """Undo `pack`."""
    return _unpacked(json.loads(np.asarray(data, dtype=np.uint8).tobytes().decode()))


def _plain(cls: type, key: str, value: Any) -> Any:
    if isinstance(value, Balancer):
        return {"balancer": balancer_config(value)}
    if isinstance(value, (list, tuple)):
        return [_plain(cls, key, item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise InvalidArgumentError(
        f"{cls.__name__}({key}=...) is a {type(value).__name__}, which cannot be written into a model file: "
        "save the weights with model.save_weights and make the model anew before load_weights."
    )


def _unplain(value: Any, custom_objects: Any) -> Any:
    if isinstance(value, Mapping):
        return balancer_from_config(value["balancer"], custom_objects)
    if isinstance(value, (list, tuple)):
        return [_unplain(item, custom_objects) for item in value]
    return value


def _packed(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        data = base64.b64encode(np.ascontiguousarray(value).tobytes()).decode()
        return {"array": data, "dtype": value.dtype.str, "shape": list(value.shape)}
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return {"dict": [[_packed(key), _packed(item)] for key, item in value.items()]}
    if isinstance(value, tuple):
        return {"tuple": [_packed(item) for item in value]}
    if isinstance(value, list):
        return [_packed(item) for item in value]
    return value


def _unpacked(value: Any) -> Any:
    if isinstance(value, list):
        return [_unpacked(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "array" in value:
        flat = np.frombuffer(base64.b64decode(value["array"]), dtype=np.dtype(value["dtype"]))
        return flat.reshape(value["shape"]).copy()
    if "tuple" in value:
        return tuple(_unpacked(item) for item in value["tuple"])
    return {_unpacked(key): _unpacked(item) for key, item in value["dict"]}
