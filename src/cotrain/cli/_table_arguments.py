"""Tables on the command line: the path of one, or NAME=PATH for each of several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from cotrain._base import ConfigError

_NAMED = re.compile(r"([^=/\\]+)=(.+)", re.DOTALL)


def table_paths(arguments: Sequence[str]) -> str | dict[str, str]:
    """Return the path of one table, or source -> path.

    Args:
        arguments: as they were written.

    Raises:
        ConfigError: there are several and one has no name, or two have the same.

    Example:
        >>> table_paths(["films.csv"]), table_paths(["tags=a.jsonl", "reviews=b.csv"])
        ('films.csv', {'tags': 'a.jsonl', 'reviews': 'b.csv'})
    """
    # A file whose own name has an equals sign is that file.
    named = [None if Path(argument).exists() else _NAMED.fullmatch(argument) for argument in arguments]
    if len(arguments) == 1 and named[0] is None:
        return arguments[0]
    paths: dict[str, str] = {}
    for argument, match in zip(arguments, named, strict=True):
        if match is None:
            raise ConfigError(
                f"Several tables need names: write NAME={argument} for {argument!r}, as in "
                "tags=train.jsonl reviews=train.csv."
            )
        name, path = match.groups()
        if name in paths:
            raise ConfigError(f"Two tables are named {name!r}: give each source one table.")
        paths[name] = path
    return paths
