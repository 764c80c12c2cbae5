"""YAML as configurations are written: one value a key."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, final

import yaml

from cotrain._base import ConfigError

#: Values that a document may hold once all its aliases are written out, as copies of it do.
MOST_VALUES = 100_000


@final
class _Loader(yaml.SafeLoader):
    """Refuses a key that is written twice, where plain YAML keeps the last one without a word."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        seen: dict[object, int] = {}
        for key_node, _ in node.value:
            if key_node.tag == "tag:yaml.org,2002:merge":
                continue
            key = self.construct_object(key_node, deep=True)
            line = key_node.start_mark.line + 1
            if isinstance(key, Hashable) and key in seen:
                raise ConfigError(f"the key {key!r} is in line {seen[key]} and in line {line}: keep one.")
            if isinstance(key, Hashable):
                seen[key] = line
        return super().construct_mapping(node, deep)


def read_yaml(text: str) -> Any:
    r"""Return the plain values of a YAML document.

    Raises:
        ConfigError: it is no YAML, or a mapping has a key twice.

    Example:
        >>> read_yaml("training: {epochs: 5}")
        {'training': {'epochs': 5}}
        >>> read_yaml("seed: 1\nseed: 2")
        Traceback (most recent call last):
        cotrain._base._errors.ConfigError: the key 'seed' is in line 1 and in line 2: keep one.
    """
    try:
        value = yaml.load(text, Loader=_Loader)
        _count(value, [0])
    except ConfigError:
        raise
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, AttributeError, OverflowError) as error:
        raise ConfigError(f"it is not valid YAML: {' '.join(str(error).split())[:300]}.") from error
    return value


def _count(value: object, total: list[int]) -> None:
    """Refuse a short document that is long once its aliases are written out."""
    total[0] += 1
    if total[0] > MOST_VALUES:
        raise ConfigError(f"it holds more than {MOST_VALUES:,} values once its aliases are written out.")
    inner = value.items() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for item in inner:
        _count(item, total)
