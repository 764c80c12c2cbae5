"""Nothing of a task moves in a step in which it takes no part: no momentum, no weight decay."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

from cotrain.keras._replicas import assign_where, n_replicas
from cotrain.keras._variable_groups import VariableGroups


class AbsentTaskFreezer:
    """What variables and their slots in the optimiser were before the update.

    Args:
        plan: the variables.
        optimizer: built.
        everything: hold shared variables too.
    """

    def __init__(self, plan: VariableGroups, optimizer: keras.optimizers.Optimizer, everything: bool) -> None:
        reach = dict(zip((id(v) for v in plan.own), plan.reach, strict=True))
        held = list(plan.own)
        for variable, tasks in zip(plan.shared, plan.reach_shared, strict=True):
            if everything:
                reach[id(variable)] = tasks
                held.append(variable)
        slots = _slots(optimizer)
        self._groups: dict[frozenset[int], list[tuple[Any, tf.Tensor]]] = {}
        for variable in held:
            group = self._groups.setdefault(reach[id(variable)], [])
            for each in (variable, *slots.get(id(variable), ())):
                group.append((each, tf.identity(each.value)))

    def put_back(self, active_K: tf.Tensor) -> None:
        """Restore whatever belongs to inactive tasks only."""
        for tasks, pairs in self._groups.items():
            if not tasks:  # reached by no output: learns from a regulariser, if at all
                continue
            moved = tf.reduce_any(tf.gather(active_K, sorted(tasks)))
            if n_replicas() > 1:
                for variable, before in pairs:
                    assign_where(variable, before, moved)
            else:
                tf.cond(moved, tf.no_op, lambda pairs=pairs: _assign_all(pairs))


def _assign_all(pairs: Sequence[tuple[Any, tf.Tensor]]) -> tf.Operation | None:
    for variable, before in pairs:
        variable.value.assign(before)
    return tf.no_op()


def _slots(optimizer: keras.optimizers.Optimizer) -> dict[int, list[Any]]:
    """Return the optimiser's variables by the id of the variable that they belong to.

    Keras names a slot after the path of its variable; the longest one that fits is the right one. Layers of
    one name in two nested models have one path: slots of one name come in the order of their variables.
    """
    owners: dict[str, list[int]] = {}
    for variable in getattr(optimizer, "inner_optimizer", optimizer)._trainable_variables:
        owners.setdefault(variable.path.replace("/", "_") + "_", []).append(id(variable))
    slots: dict[int, list[Any]] = {}
    seen: Counter[str] = Counter()
    for slot in optimizer.variables:
        prefix = max((p for p in owners if slot.name.startswith(p)), key=len, default=None)
        if prefix is not None:
            slots.setdefault(owners[prefix][seen[slot.name]], []).append(slot)
            seen[slot.name] += 1
    return slots
