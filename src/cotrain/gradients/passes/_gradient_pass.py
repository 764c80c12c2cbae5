"""Weights, or the update itself, from the tasks' gradients on the shared parameters."""

from __future__ import annotations

import logging
from typing import cast

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError
from cotrain.balancing import JacobianRule, Needs, StepDecision
from cotrain.gradients._distributed import (
    averaged_grads,
    is_sharded,
    refuse_synchronising,
)
from cotrain.gradients._process_group import world_size
from cotrain.gradients._shared_parameters import show_overflow
from cotrain.gradients._step_losses import StepLosses
from cotrain.gradients.graph._task_graph import TaskGraph
from cotrain.gradients.passes._base import Pass, PassContext, PassResult, Step, with_all_ranks
from cotrain.gradients.sources._base import GradientRequest, GradientSource, TaskGradients
from cotrain.gradients.sources._distributed import ranks_source

_log = logging.getLogger("cotrain")


class GradientPass(Pass):
    """The source takes the gradients, the balancer decides on the host, the source adds what was decided."""

    def __init__(self, context: PassContext, source: GradientSource) -> None:
        super().__init__(context)
        self._source = source
        self._ranks_source: GradientSource | None = None
        self._unreached_said = False

    def weigh(self, step: Step) -> PassResult:
        """Return the weights; the graph stays."""
        step = with_all_ranks(step)
        gradients = self._open(step, retain=True, weighed=True)
        return self._result(self._decide(step.losses, gradients, None), step, gradients)

    def backward(self, step: Step) -> PassResult:
        """Take, decide, add."""
        context, regulariser = self.context, step.regulariser
        if world_size() > 1:
            refuse_synchronising(context.model)
        step = with_all_ranks(step)
        losses = step.losses
        gradients = self._open(step, retain=regulariser is not None, weighed=False)
        scale = None
        if context.scaler is not None:  # its factor, without waiting for the device
            scale = context.scaled(torch.ones((), device=losses.values_A.device))
        decision = self._decide(losses, gradients, scale)
        nothing_finite = context.scaler is not None and decision.skip and decision.broken_K.any()
        if decision.overflow or nothing_finite:
            # The scaler finds an overflow: it then skips the step and lowers its scale. Heads get it too, for
            # they may have an optimiser of their own; and so they do where no loss is finite, as in plain
            # training: the scaler refuses a step without any gradient.
            everywhere = context.trainable() if world_size() > 1 else []
            show_overflow([*context.shared.trainable(), *gradients.heads.parameters(), *everywhere])
        elif not decision.skip:
            self._add(losses, gradients, decision, scale)
        if regulariser is not None:
            with averaged_grads(context.model, context.reached()):
                context.scaled(regulariser).backward()
        return self._result(decision, step, gradients)

    def _open(self, step: Step, *, retain: bool, weighed: bool) -> TaskGradients:
        context, losses = self.context, step.losses
        if not self._unreached_said and len(losses.live) == losses.n_tasks:
            self._unreached_said = True
            warn_unreached(losses, context)
        full = context.rescale in ("sum", "mean") or context.due(step.number)
        diagonal = context.balancer.needs in (Needs.NORMS, Needs.JACOBIAN) and not full
        if context.scaler is not None and not weighed:
            live = tuple(context.scaler.scale(loss) for loss in losses.live)
            losses = StepLosses(losses.n_tasks, losses.places, live, losses.values_A)
        request = GradientRequest(losses, context.shared, diagonal=diagonal, retain=retain, weighed=weighed)
        return self._source_now().open(request)

    def _source_now(self) -> GradientSource:
        """Return the source; in a process group exact passes that are reduced, for nothing else can be."""
        if world_size() == 1:
            return self._source
        if not self._source.exact:
            raise InvalidArgumentError(
                "In a process group Gramians come from exact passes that are reduced over the ranks; "
                f"{type(self._source).__name__} cannot be used there: use source='auto'."
            )
        if self._ranks_source is None:
            context = self.context
            self._ranks_source = ranks_source(context.model, context.shared, context.parameters)
        return self._ranks_source

    def _decide(self, losses: StepLosses, gradients: TaskGradients, scale: Tensor | None) -> StepDecision:
        context = self.context
        gramian, losses_K, heads_finite_K = on_host(losses, gradients, scale)
        return StepDecision.of(
            context.balancer,
            losses_K,
            losses.present(),
            gramian=gramian,
            gradients_finite=heads_finite_K,
            losses_on_device=losses.losses_K() if context.balancer.needs is Needs.LOSSES else None,
            scaled=scale is not None,
            rescale=context.rescale,
        )

    def _add(
        self, losses: StepLosses, gradients: TaskGradients, decision: StepDecision, scale: Tensor | None
    ) -> None:
        heads_A = torch.from_numpy(losses.of_present(decision.head_weights_K))
        if self.context.balancer.needs is Needs.JACOBIAN:
            update_P = self._combined(losses, gradients.jacobian(), decision, scale)
            gradients.apply_update(update_P, heads_A)
        else:
            gradients.apply(torch.from_numpy(losses.of_present(decision.weights_K)), heads_A)

    def _combined(
        self, losses: StepLosses, jacobian_AP: Tensor, decision: StepDecision, scale: Tensor | None
    ) -> Tensor:
        """Return the update of a method that combines the gradients entry by entry."""
        rule, rescale = cast("JacobianRule", self.context.balancer), self.context.rescale
        jacobian_KP = jacobian_AP
        if len(losses.places) < losses.n_tasks:
            full = jacobian_AP.new_zeros(losses.n_tasks, jacobian_AP.shape[1])
            jacobian_KP = full.index_copy_(0, losses.index(), jacobian_AP)
        if scale is not None:
            jacobian_KP = jacobian_KP / scale
        active_K = torch.from_numpy(decision.active_K).to(jacobian_KP.device)
        update_P = rule.combine(jacobian_KP, losses.losses_K(), active_K)
        if rescale in ("sum", "mean"):
            wanted = torch.where(active_K[:, None], jacobian_KP, 0).sum(0).norm()
            wanted = wanted / (int(decision.active_K.sum()) if rescale == "mean" else 1)
            length = update_P.norm()
            update_P = update_P * torch.where(length > 0, wanted / length, 1)
        return update_P if scale is None else update_P * scale

    def _result(self, decision: StepDecision, step: Step, gradients: TaskGradients) -> PassResult:
        if decision.overflow:
            return PassResult(None, gradients.said())
        take_note(self.context, step, decision)
        weights_K = torch.from_numpy(decision.weights_K).to(step.losses.values_A)
        return PassResult(weights_K, gradients.said(), decision.active_K)


def warn_unreached(losses: StepLosses, context: PassContext) -> None:
    """Say which shared parameters no loss reaches: a deep copy, an average or a slip, often."""
    shared = context.shared.trainable()
    if world_size() > 1 and is_sharded(shared):
        return  # the graph holds what was gathered, not the parameters
    reached = {id(leaf) for leaf in TaskGraph(losses.live).leaves.values()}
    unreached = [parameter for parameter in shared if id(parameter) not in reached]
    if not unreached:
        return
    names = {} if context.model is None else {id(p): name for name, p in context.model.named_parameters()}
    some = [names.get(id(p), f"one of shape {tuple(p.shape)}") for p in unreached[:3]]
    _log.warning(
        "No loss reaches %d of the %d shared parameters (%s%s), so they count for nothing in the weights: "
        "pass the parameters that the losses are computed from, not copies of them.",
        len(unreached),
        len(shared),
        ", ".join(some),
        ", ..." if len(unreached) > 3 else "",
    )


def on_host(
    losses: StepLosses, gradients: TaskGradients, scale: Tensor | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return Gramian (or its diagonal), losses and whether own gradients are finite, of K tasks, in float64.

    One transfer from an accelerator brings them all. What a `GradScaler` has multiplied is divided again.
    """
    gramian, heads_finite_A = gradients.gramian(), gradients.heads_finite()
    if gramian.device.type == "cpu":
        factor = 1.0 if scale is None else float(scale.double().numpy()) ** 2
        values = gramian.detach().double().numpy() / factor
        losses_A, heads_A = losses.values_A.double().numpy(), heads_finite_A.cpu().numpy()
    else:
        unit = torch.ones((), device=gramian.device) if scale is None else scale
        parts = [gramian.flatten(), losses.values_A, heads_finite_A, unit.reshape(1)]
        packed = torch.cat([part.detach().to(gramian.device, torch.float64) for part in parts]).cpu().numpy()
        values = (packed[: gramian.numel()] / packed[-1] ** 2).reshape(tuple(gramian.shape))
        losses_A, heads_A = packed[gramian.numel() : -1].reshape(2, len(losses.places))
    n_tasks = losses.n_tasks
    if len(losses.places) == n_tasks:
        return values, losses_A, heads_A > 0
    place = np.array(losses.places, dtype=int)
    losses_K, heads_K = np.full(n_tasks, np.nan), np.ones(n_tasks, dtype=bool)
    losses_K[place], heads_K[place] = losses_A, heads_A > 0
    spread = np.full((n_tasks,) * values.ndim, np.nan)
    spread[np.ix_(*[place] * values.ndim)] = values
    return spread, losses_K, heads_K


def take_note(context: PassContext, step: Step, decision: StepDecision) -> None:
    """Count the tasks that are left out, and record the step if it is due."""
    losses = step.losses
    if losses.values_A.device.type == "cpu" and not decision.broken_K.any():
        context.skipped.start_clean(losses)
    else:
        context.skipped.start(losses, torch.from_numpy(losses.of_present(decision.broken_K)))
        for place in np.flatnonzero(decision.broken_K):
            context.skipped.warn(step.tasks[place])
    if context.monitor is not None and context.due(step.number) and decision.gramian_KK is not None:
        context.monitor.record(
            step.number,
            step.tasks,
            losses_K=decision.losses_K,
            weights_K=decision.weights_K,
            gramian_KK=decision.gramian_KK,
        )
