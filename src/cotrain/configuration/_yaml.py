"""YAML as configurations are written: one value a key."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any, final

import yaml

from cotrain._base import ConfigError


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
        return yaml.load(text, Loader=_Loader)
    except ConfigError:
        raise
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigError(f"it is not valid YAML: {' '.join(str(error).split())[:300]}.") from error
