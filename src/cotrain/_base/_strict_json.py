"""JSON that every reader takes: the standard has no NaN and no infinity."""

from __future__ import annotations

import json
import math
from typing import Any


def strict_json(value: Any, *, indent: int | None = None) -> str:
    """Return a value as strict JSON: what is not a finite number is null, bytes are in hexadecimal.

    Args:
        value: mappings, sequences and plain values; anything else is written as `str` has it.
        indent: blanks by which each level is indented; `None`: all on one line.

    Example:
        >>> strict_json({"rmse": float("nan"), "r2": [0.5, float("inf")]})
        '{"rmse": null, "r2": [0.5, null]}'
    """
    return json.dumps(_strict(value), ensure_ascii=False, indent=indent, default=str, allow_nan=False)


def _strict(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, bytes):  # as a CSV file has them
        return value.hex()
    if isinstance(value, dict):
        return {str(key): _strict(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_strict(item) for item in value]
    return value
