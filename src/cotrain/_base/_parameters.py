"""Constructor parameters as the one source of truth for configuration files and reprs."""

from __future__ import annotations

import inspect
from typing import Any


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
    names = [
        parameter.name
        for parameter in inspect.signature(type(obj)).parameters.values()
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    ]
    return {name: getattr(obj, name) for name in names}
