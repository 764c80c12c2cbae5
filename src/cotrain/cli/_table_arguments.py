"""Tables on the command line: the path of one, those of its files, or NAME=PATH for each of several."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from cotrain._base import ConfigError

_NAMED = re.compile(r"([^=/\\]+)=(.+)", re.DOTALL)


def table_paths(arguments: Sequence[str]) -> str | list[str] | dict[str, str]:
    """Return the path of one table, the paths of its files, or source -> path.

    Args:
        arguments: as they were written.

    Raises:
        ConfigError: some have names and others none, or two have the same.

    Example:
        >>> table_paths(["films.csv"]), table_paths(["tags=a.jsonl", "reviews=b.csv"])
        ('films.csv', {'tags': 'a.jsonl', 'reviews': 'b.csv'})
        >>> table_paths(["pictures.csv", "instances.json"])
        ['pictures.csv', 'instances.json']
    """
    # A file whose own name has an equals sign is that file.
    named = [None if Path(argument).exists() else _NAMED.fullmatch(argument) for argument in arguments]
    if not any(named):
        return arguments[0] if len(arguments) == 1 else list(arguments)
    paths: dict[str, str] = {}
    for argument, match in zip(arguments, named, strict=True):
        if match is None:
            raise ConfigError(
                f"Either all tables have names or none has: write NAME={argument} for {argument!r}, as in "
                "tags=train.jsonl reviews=train.csv. Without names they are the files of one table."
            )
        name, path = match.groups()
        if name in paths:
            raise ConfigError(f"Two tables are named {name!r}: give each source one table.")
        paths[name] = path
    return paths
