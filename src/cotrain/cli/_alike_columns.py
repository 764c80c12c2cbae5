"""One line for many columns that differ in a number of their names alone."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

#: Columns from which on they share a line.
_MANY = 5
_NUMBER = re.compile(r"\d+")


def lines_of_columns(columns: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return a line for each column, or for five and more that are alike: name, kind, distinct, missing, why.

    Args:
        columns: records of `Recommendation.columns`.

    Example:
        >>> pixel = {"kind": "number", "distinct": 17, "missing": 0.0, "why": "numbers, 17 different"}
        >>> lines_of_columns([{"column": f"pixel_{i}", **pixel} for i in range(64)])
        [['pixel_0 ... pixel_63 (64)', 'number', '17', '0%', 'numbers, 17 different']]
    """
    groups: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for column in columns:
        alike = _NUMBER.sub("#", str(column["column"])), _NUMBER.sub("#", column["why"])
        groups.setdefault((*alike, column["kind"]), []).append(column)
    lines = []
    for group in groups.values():
        for ones in [group] if len(group) >= _MANY else [[one] for one in group]:
            names = [str(one["column"]) for one in ones]
            name = names[0] if len(ones) == 1 else f"{names[0]} ... {names[-1]} ({len(ones)})"
            distinct = [str(one["distinct"]) for one in ones]
            missing = [f"{one['missing']:.0%}" for one in ones]
            why = [one["why"] for one in ones]
            lines.append([name, ones[0]["kind"], *(_together(texts) for texts in (distinct, missing, why))])
    return lines


def _together(texts: Sequence[str]) -> str:
    """Return texts that differ in numbers alone as one, with the span of each number."""
    numbers = zip(*(map(int, _NUMBER.findall(text)) for text in texts), strict=True)
    spans = iter([f"{min(ones)} to {max(ones)}" if min(ones) < max(ones) else None for ones in numbers])
    return _NUMBER.sub(lambda found: next(spans) or found[0], texts[0])
