"""A balancing method for each group of shared parameters."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, final

import numpy as np
from torch import Tensor, nn

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Balancer, JacobianRule, Needs
from cotrain.gradients._shared_parameters import SharedParameters, flat_width

#: Name -> a module, or parameters.
Groups = Mapping[str, nn.Module | Iterable[Tensor]]


def parameters_by_group(groups: Groups, shared: SharedParameters) -> dict[str, list[Tensor]]:
    """Return the shared parameters of each group; those of no group are the group "rest".

    Raises:
        InvalidArgumentError: if a group has none of its own, or two groups have one in common.
    """
    taken: set[int] = set()
    found: dict[str, list[Tensor]] = {}
    for name, given in groups.items():
        members = {id(p): p for p in (given.parameters() if isinstance(given, nn.Module) else given)}
        if not members or not members.keys() <= shared.ids:
            raise InvalidArgumentError(
                f"Balance(groups=...): group {name!r} has {len(members.keys() & shared.ids)} shared "
                f"parameters among its {len(members)}: name groups of the shared parameters."
            )
        if members.keys() & taken:
            raise InvalidArgumentError(
                f"Balance(groups=...): group {name!r} has a parameter of another group: give each one group."
            )
        taken |= members.keys()
        found[name] = list(members.values())
    rest = [parameter for parameter in shared.all if id(parameter) not in taken]
    return found | ({"rest": rest} if rest else {})


@final
class PerGroup(JacobianRule):
    """Weights of its own for each group of shared parameters, such as each layer.

    For group g with the columns J_g of the Jacobian: w_g from J_g J_gᵀ, and the update of the group is
    J_gᵀ w_g. Tasks conflict in some layers and agree in others; one weight for all has to be a compromise.
    Each group has a copy of the method with a state of its own. Cost: the Jacobian, K×P numbers.

    Args:
        balancer: a method on norms or Gramians.
        members: group -> its parameters, in the order of the Jacobian's columns.

    Raises:
        InvalidArgumentError: if the method looks at something else.
    """

    def __init__(self, balancer: Balancer, members: Mapping[str, Sequence[Tensor]]) -> None:
        super().__init__(preference=balancer.preference)
        if balancer.needs not in (Needs.NORMS, Needs.GRAMIAN):
            raise InvalidArgumentError(
                f"Balance(groups=...) weighs the gradients of each group, which {type(balancer).__name__} "
                "does not: use a method on norms or Gramians, such as UPGrad."
            )
        self.balancer = balancer
        self._members = members
        self.by_group = {name: copy.deepcopy(balancer) for name in members}
        self.state["groups"] = {name: rule.state for name, rule in self.by_group.items()}
        #: Group -> the K weights of the last step.
        self.weights_by_group: dict[str, np.ndarray] = {}

    def __repr__(self) -> str:
        return f"{self.balancer!r} in each of the groups {list(self.by_group)}"

    def start(
        self,
        n_tasks: int,
        *,
        reference_losses: Sequence[float] | None = None,
        preference: Sequence[float] | None = None,
    ) -> None:
        """Pass on what is known about the tasks."""
        super().start(n_tasks, reference_losses=reference_losses, preference=preference)
        for rule in self.by_group.values():
            rule.start(n_tasks, reference_losses=reference_losses, preference=preference)

    def end_epoch(self) -> None:
        """Pass on that an epoch has ended."""
        for rule in self.by_group.values():
            rule.end_epoch()

    def _combine(self, xp: Any, jacobian_KP: Any, losses_K: Any, active_K: Any) -> Any:
        host = [np.asarray(part.detach().double().cpu()) for part in (losses_K, active_K)]
        losses, active = host[0], host[1] > 0
        updates, start = [], 0
        for name, members in self._members.items():
            width = flat_width(parameter for parameter in members if parameter.requires_grad)
            part_KP = jacobian_KP[:, start : start + width]
            start += width
            gramian = np.asarray((part_KP @ part_KP.T).double().cpu())
            if active.any() and width:
                weights = self.by_group[name].weights(losses, gramian, None if active.all() else active)
                self.weights_by_group[name] = np.asarray(weights)
                updates.append(xp.asarray(weights, dtype=part_KP.dtype, device=part_KP.device) @ part_KP)
            else:
                updates.append(xp.zeros_like(part_KP[0]))
        return xp.concat(updates)

    def _state_to_save(self) -> dict[str, Any]:
        return {"groups": {name: rule.state_dict() for name, rule in self.by_group.items()}}

    def _check_state(self, state: Mapping[str, Any]) -> None:
        super()._check_state(state)
        saved = state["state"]["groups"]
        if saved.keys() != self.by_group.keys():
            raise InvalidArgumentError(
                f"The state belongs to the groups {sorted(saved)}, not to {sorted(self.by_group)}: load it "
                "into a Balance with the same groups."
            )
        for name, rule in self.by_group.items():
            rule._check_state(saved[name])

    def _take_state(self, state: Mapping[str, Any]) -> None:
        saved = state["state"]["groups"]
        super()._take_state({**state, "state": {"groups": {}}})
        for name, rule in self.by_group.items():
            rule._take_state(saved[name])
        self.state["groups"] = {name: rule.state for name, rule in self.by_group.items()}
