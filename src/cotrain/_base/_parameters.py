"""Constructor parameters as the one source of truth for configuration files and reprs."""

from __future__ import annotations

import inspect
from typing import Any


def constructor_parameters(cls: type) -> dict[str, inspect.Parameter]:
    """Return the named parameters of a constructor; `*args` and `**kwargs` are nobody's options.

    Example:
        >>> class Method:
        ...     def __init__(self, rate: float = 0.1):
        ...         self.rate = rate
        >>> constructor_parameters(Method)["rate"].default
        0.1
    """
    return {
        name: parameter
        for name, parameter in inspect.signature(cls).parameters.items()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }


def parameters_of(obj: object) -> dict[str, Any]:
    """Return the constructor arguments of `obj`, read from the attributes of the same names.

    Every configurable class keeps each constructor parameter under its own name; a contract test
    holds them to it. What stands in a YAML file is therefore what stands in the signature.

    Example:
        >>> class Method:
        ...     def __init__(self, rate: float = 0.1):
        ...         self.rate = rate
        >>> parameters_of(Method(rate=0.5))
        {'rate': 0.5}
    """
    return {name: getattr(obj, name) for name in constructor_parameters(type(obj))}
