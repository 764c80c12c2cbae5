"""Which tasks use a parameter, also where modules or single weights stand in several places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn


def parameter_users(network: nn.Module, own: Mapping[str, Sequence[nn.Module]]) -> dict[int, set[str | None]]:
    """Return for the id of each parameter the tasks that use it.

    `None` is among them where it stands outside of all tasks' own modules, which everybody uses. A weight
    that is tied, or a module that several tasks have, has the users of all its places.

    Args:
        network: all modules.
        own: task -> the modules in it that only this task uses.

    Example:
        >>> trunk, head = nn.Linear(2, 2, bias=False), nn.Linear(2, 2, bias=False)
        >>> network = nn.ModuleList([trunk, head])
        >>> list(parameter_users(network, {"a": [head]}).values())
        [{None}, {'a'}]
    """
    owners: dict[int, set[str | None]] = {}
    for task, modules in own.items():
        for part in (part for module in modules for part in module.modules()):
            owners.setdefault(id(part), set()).add(task)
    users: dict[int, set[str | None]] = {}
    for part in network.modules():
        for parameter in part.parameters(recurse=False):
            users.setdefault(id(parameter), set()).update(owners.get(id(part), {None}))
    return users
