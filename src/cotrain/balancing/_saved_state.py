"""The state of a balancer as it is saved: whose it is stands beside it, and nobody else takes it over."""

from __future__ import annotations

import hashlib
import types
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cotrain._base import InvalidArgumentError, constructor_parameters

#: Raised when a key of a saved state comes to mean something else.
VERSION = 1
#: What stands in a saved state.
KEYS = ("class", "arguments", "version", "n_tasks", "keys", "state")
_PLAIN = (bool, int, float, str, types.NoneType)


def description_of(balancer: object) -> dict[str, Any]:
    """Return the class and the arguments of a balancer as plain values, its wrapped ones included.

    A function is described by its name and a digest of its code and of the plain values it closes over.

    Example:
        >>> from cotrain.balancing import CAGrad
        >>> description_of(CAGrad(c=0.4))
        {'class': 'CAGrad', 'arguments': {'c': 0.4, 'preference': None}}
    """
    names = [name for name in constructor_parameters(type(balancer)) if hasattr(balancer, name)]
    arguments = {name: _described(getattr(balancer, name)) for name in names}
    return {"class": type(balancer).__qualname__, "arguments": arguments}


def check_saved_state(balancer: object, saved: Mapping[str, Any], n_tasks: int | None) -> None:
    """Refuse a saved state that is not that of `balancer`.

    Args:
        balancer: who would take it over.
        saved: what `state_dict` returned.
        n_tasks: K, if `balancer` knows it.

    Raises:
        InvalidArgumentError: for a state that is not whole, of another class, with other arguments, of a
            version that this library does not know, or of another number of tasks.
    """
    name = _shown_name(type(balancer).__qualname__)
    absent = [key for key in KEYS if not isinstance(saved, Mapping) or key not in saved]
    if absent:
        raise InvalidArgumentError(
            f"A state for {name} lacks {', '.join(absent)}: pass all of what state_dict() returned."
        )
    mine = description_of(balancer)
    if saved["class"] != mine["class"]:
        raise InvalidArgumentError(
            f"A state of {_shown_name(saved['class'])} cannot be taken over by {name}: make the method that "
            "it was saved from, or start without a state."
        )
    if saved["version"] != VERSION:
        raise InvalidArgumentError(
            f"A state for {name} has version {saved['version']!r}, not {VERSION}: load it with the release "
            "of cotrain that saved it."
        )
    if not isinstance(saved["arguments"], Mapping) or not _same(saved["arguments"], mine["arguments"]):
        raise InvalidArgumentError(
            f"A state of {_shown(saved)} cannot be taken over by {_shown(mine)}: make the method with the "
            "arguments that it was saved with, or start without a state."
        )
    if n_tasks is not None and saved["n_tasks"] not in (None, n_tasks):
        raise InvalidArgumentError(
            f"A state of {name} belongs to {saved['n_tasks']} tasks and not to {n_tasks}: load it where the "
            "tasks are the same, or start without a state."
        )
    state, keys = saved["state"], saved["keys"]
    if not isinstance(state, Mapping) or not isinstance(keys, (list, tuple)) or sorted(state) != list(keys):
        found = sorted(state) if isinstance(state, Mapping) else type(state).__name__
        raise InvalidArgumentError(
            f"A state of {name} should hold {keys!r} and holds {found!r}: pass all of what state_dict() "
            "returned."
        )


def _described(value: Any) -> Any:
    """Return a constructor argument as a plain value."""
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Mapping):
        return {str(key): _described(item) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_described(item) for item in value]
    if isinstance(value, types.MethodType):
        return _described(value.__func__)
    if isinstance(value, types.FunctionType):
        return f"{value.__module__}.{value.__qualname__}:{_digest(value)}"
    if hasattr(value, "load_state_dict") and hasattr(value, "weights"):
        return description_of(value)
    return f"{type(value).__module__}.{type(value).__qualname__}"


def _digest(function: types.FunctionType) -> str:
    """Return eight characters that change with the code of a function and the plain values that it holds."""
    parts = [_stable(function.__defaults__), _stable(function.__kwdefaults__)]
    for cell in function.__closure__ or ():
        try:
            parts.append(_stable(cell.cell_contents))
        except ValueError:  # the variable was never set
            parts.append("")
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        parts += [code.co_code.hex(), _stable(code.co_names), _stable(code.co_varnames)]
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
        parts.append(_stable(code.co_consts))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:8]


def _stable(value: object) -> str:
    """Write a value without the addresses and the random orders that differ between two processes."""
    if isinstance(value, _PLAIN):
        return repr(value)
    if isinstance(value, tuple):
        return f"({', '.join(map(_stable, value))})"
    if isinstance(value, (frozenset, dict)):
        items = value.items() if isinstance(value, dict) else value
        return f"{{{', '.join(sorted(map(_stable, items)))}}}"
    return type(value).__qualname__


def _same(left: Any, right: Any) -> bool:
    """Compare plain values; lists and tuples are the same, and so are 1 and 1.0."""
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return left.keys() == right.keys() and all(_same(left[key], right[key]) for key in left)
    if isinstance(left, (list, tuple)) and isinstance(right, (list, tuple)):
        return len(left) == len(right) and all(map(_same, left, right))
    return left == right


def _shown(description: Mapping[str, Any]) -> str:
    """Write a description as a call, without the arguments that were left out."""
    parts = []
    arguments = description["arguments"]
    for name, value in arguments.items() if isinstance(arguments, Mapping) else ():
        if isinstance(value, Mapping) and set(value) >= {"class", "arguments"}:
            parts.append(f"{name}={_shown(value)}")
        elif value is not None:
            parts.append(f"{name}={value!r}")
    return f"{_shown_name(description['class'])}({', '.join(parts)})"


def _shown_name(name: Any) -> str:
    return "from_callable" if name == "_FromCallable" else str(name)
