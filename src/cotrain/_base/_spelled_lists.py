"""Lists as files spell them: JSON, and what Python prints, which is what pandas writes into a CSV file."""

from __future__ import annotations

import ast
import json
import re
from typing import Any

#: What a list of words begins with.
SPELLED_LIST = r"^\[\s*(\"|'|null\b|None\b|\])"
_ESCAPED = r"\\(?:[\\'\"nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
_QUOTED = rf"'(?:[^'\\]|{_ESCAPED})*'|\"(?:[^\"\\]|{_ESCAPED})*\""
_ITEM = rf"(?:{_QUOTED}|None|True|False|-?\d+(?:\.\d+)?)"
#: Commas must stand between: NumPy prints ['a' 'b'], which Python reads as ['ab'].
_PRINTED = re.compile(rf"\[\s*(?:{_ITEM}\s*(?:,\s*{_ITEM}\s*)*,?\s*)?\]", re.DOTALL)


def spelled_list(cell: str) -> list[str | int | float | bool | None] | None:
    """Return the list of plain values that a text spells; `None`: it spells none.

    Example:
        >>> spelled_list('["a", null]'), spelled_list("['a', None]"), spelled_list("['a' 'b']")
        (['a', None], ['a', None], None)
    """
    try:
        found = _read(cell)
        if not isinstance(found, list) or not all(isinstance(v, str | int | float | None) for v in found):
            return None
        # Half of a character, which an escape can spell, is no text: that raises.
        "".join(v for v in found if isinstance(v, str)).encode()
    except (ValueError, SyntaxError, RecursionError):
        return None
    return found


def _read(cell: str) -> Any:
    try:
        return json.loads(cell)
    except ValueError:
        return ast.literal_eval(cell) if _PRINTED.fullmatch(cell) else None
