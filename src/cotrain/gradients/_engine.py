"""How a step goes: which pass, which weights, into which `.grad`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Balancer, Equal, JacobianRule, Needs, head_weights
from cotrain.gradients._distributed import (
    is_ddp,
    is_sharded,
    refuse_synchronising,
    share_call,
    share_losses,
    world_size,
)
from cotrain.gradients._monitor import Monitor
from cotrain.gradients._shared_parameters import SharedParameters, own_leaves
from cotrain.gradients._step_losses import StepLosses
from cotrain.gradients._step_weights import (
    Rescale,
    StepMeasurements,
    measure,
    measure_cross,
    scaled_to_number,
    weigh,
)
from cotrain.gradients.backward._cpu_backward import CPUBackward
from cotrain.gradients.backward._skip_counter import SkipCounter
from cotrain.gradients.backward._weighted_loss import split_weighted_loss, weighted_loss
from cotrain.gradients.graph._task_graph import TaskGraph
from cotrain.gradients.sources._base import GradientRequest, GradientSource, TaskGradients
from cotrain.gradients.sources._distributed import FSDPSource, ReplicatedSource, average_grads
from cotrain.gradients.sources._exact import ExactSource


class Engine:
    """The steps of one `Balance`, on losses that are already in the order of the tasks."""

    def __init__(
        self,
        balancer: Balancer,
        shared: SharedParameters,
        source: GradientSource,
        *,
        every: int,
        rescale: Rescale,
        monitor: Monitor | None,
        scaler: torch.amp.GradScaler | None,
        model: nn.Module | None = None,
    ) -> None:
        self.balancer = balancer
        self.shared = shared
        self.source = source
        self.model = model
        self.every = every
        self.rescale: Rescale = rescale
        self.monitor = monitor
        self.scaler = scaler
        self.step = 0
        self.weights_K: Tensor | None = None
        self.reused_K: Tensor | None = None
        self.skipped = SkipCounter()
        # The two batches of a cross Gramian are held at once, so they need buffers of their own.
        self._cross = (ExactSource(), ExactSource())

    # -- the two ways to end a step -----------------------------------------------------------------

    def backward(
        self, call: StepLosses, extra: Sequence[StepLosses], tasks: Sequence[str], regulariser: Tensor | None
    ) -> None:
        """Add the step's gradients, and those of a regulariser, to `.grad`."""
        if world_size() > 1:
            self._backward_on_ranks(call, extra, tasks, regulariser)
        else:
            self._backward(call, extra, tasks, regulariser)
        self.step += 1

    def _backward_on_ranks(
        self, call: StepLosses, extra: Sequence[StepLosses], tasks: Sequence[str], regulariser: Tensor | None
    ) -> None:
        """Do the step of one rank of several, so that all ranks end with the gradient of the joined batch."""
        sharded = is_sharded(self._reached())
        if not self.in_one_pass():
            refuse_synchronising(self.model)
            self._take_ranks_source()
            self._by_rows(share_call(call), tasks, regulariser is not None)
            self._regularise(regulariser)
        elif self.model is None or is_ddp(self.model) or sharded:
            self._backward(call, extra, tasks, regulariser)  # the engine averages
        else:
            everything = [p for p in self.model.parameters() if p.requires_grad]
            held = [parameter.grad for parameter in everything]
            for parameter in everything:
                parameter.grad = None
            self._backward(call, extra, tasks, regulariser)
            average_grads(everything)
            for parameter, before in zip(everything, held, strict=True):
                if before is not None:
                    parameter.grad = before if parameter.grad is None else before.add_(parameter.grad)

    def _backward(
        self, call: StepLosses, extra: Sequence[StepLosses], tasks: Sequence[str], regulariser: Tensor | None
    ) -> None:
        retain = regulariser is not None
        if not self.in_one_pass():
            if self.balancer.needs is Needs.CROSS:
                self._split_pass(call, self._cross_weights(call, extra, tasks), retain)
            else:
                self._by_rows(call, tasks, retain)
        else:
            weights_K = self._weights_in_one_pass(call)
            if not self.balancer.weighs_losses and not self._nothing_shared():
                self._split_pass(call, weights_K, retain)
            elif regulariser is None and self._passed_on_host(call, weights_K, None):
                return
            else:
                total = self._connected(weighted_loss(call, weights_K, self.skipped.drop))
                # One pass for both: under DistributedDataParallel a second one would not be averaged.
                self.scaled(total if regulariser is None else total + regulariser).backward()
                return
        self._regularise(regulariser)

    def _regularise(self, regulariser: Tensor | None) -> None:
        if regulariser is not None:
            self.scaled(regulariser).backward()

    def combine(self, call: StepLosses, extra: Sequence[StepLosses], tasks: Sequence[str]) -> Tensor:
        """Return Σ wₖLₖ."""
        local = call
        if world_size() > 1 and not self.in_one_pass():
            self._take_ranks_source()
            call = share_call(call)
        if not self.in_one_pass():
            if self.balancer.needs is Needs.CROSS:
                weights_K = self._cross_weights(call, extra, tasks)
            else:
                asked = self._asked(call, retain=True, weighed=True)
                rows = self.source.open(asked)
                measured = measure(call, rows.gramian(), rows.heads_finite())
                weights_K = self._weighed(call, measured, tasks)
        else:
            weights_K = self._weights_in_one_pass(call)
        self.step += 1
        return self._connected(weighted_loss(local, weights_K, self.skipped.drop))

    def in_one_pass(self) -> bool:
        """Return whether this step's weights need no gradients."""
        if self._nothing_shared():
            return True
        if self.monitor is not None and self.monitor.due(self.step):
            return False
        if self.balancer.needs in (Needs.LOSSES, Needs.JACOBIAN):
            return self.balancer.needs is Needs.LOSSES
        return self.reused_K is not None and self.step % self.every != 0

    def scaled(self, loss: Tensor) -> Tensor:
        """Multiply by the scale of a `GradScaler`, if there is one."""
        return loss if self.scaler is None else self.scaler.scale(loss)

    # -- weights ------------------------------------------------------------------------------------

    def _weights_in_one_pass(self, call: StepLosses) -> Tensor:
        of_losses = self.balancer.needs is Needs.LOSSES or self._nothing_shared()
        return self._weights_of_losses(call) if of_losses else self._weights_again(call)

    def _weights_of_losses(self, call: StepLosses) -> Tensor:
        losses_K, present_K = share_losses(call)
        rule = self.balancer
        if rule.needs is not Needs.LOSSES:  # nothing is shared: no gradients meet
            rule = Equal(preference=rule.preference)
        weights_K = rule.weights(losses_K, None, present_K)
        if self.rescale == "weights":
            weights_K = scaled_to_number(weights_K)
        self._look_at(call)
        self.weights_K = weights_K.to(call.values_A.dtype)
        return self.weights_K

    def _look_at(self, call: StepLosses) -> None:
        values_A = call.values_A
        if values_A.device.type == "cpu" and call.finite_A.all():
            self.skipped.start_clean(call)
        else:
            self.skipped.start(call, ~values_A.isfinite())

    def _weights_again(self, call: StepLosses) -> Tensor:
        if self.reused_K is None:
            raise InvalidArgumentError("There are no weights to use again before the first step.")
        self._look_at(call)
        self.weights_K = self.reused_K.to(call.values_A) * call.present_K()
        return self.weights_K

    def _weighed(self, call: StepLosses, measured: StepMeasurements, tasks: Sequence[str]) -> Tensor:
        weights_K = weigh(self.balancer, measured, call, self.rescale)
        self._note(call, measured, weights_K, tasks)
        self.weights_K = torch.from_numpy(weights_K).to(call.values_A)
        if self.every > 1:
            # A task that was absent now keeps the weight of the time before.
            old_K = torch.ones_like(self.weights_K) if self.reused_K is None else self.reused_K
            active = torch.from_numpy(measured.active_K).to(self.weights_K.device)
            self.reused_K = torch.where(active, self.weights_K, old_K.to(self.weights_K))
        return self.weights_K

    def _cross_weights(self, call: StepLosses, extra: Sequence[StepLosses], tasks: Sequence[str]) -> Tensor:
        """Return weights from the Gramian between two independent batches."""
        sides = [
            source.open(self._asked(batch, retain=False, weighed=True))
            for source, batch in zip(self._cross, extra, strict=True)
        ]
        cross = sides[0].jacobian() @ sides[1].jacobian().T
        return self._weighed(call, measure_cross(call, extra, cross), tasks)

    # -- gradients ----------------------------------------------------------------------------------

    def _by_rows(self, call: StepLosses, tasks: Sequence[str], retain: bool) -> None:
        rows = self.source.open(self._asked(call, retain=retain, weighed=False))
        scale = None if self.scaler is None else self._scale(call)
        measured = measure(call, rows.gramian(), rows.heads_finite(), scale)
        if self.scaler is not None and measured.overflow:
            self._poison()
            return
        heads_A = torch.from_numpy(call.of_present(head_weights(self.balancer.preference, measured.active_K)))
        if self.balancer.needs is Needs.JACOBIAN:
            self._note(call, measured, np.full(call.n_tasks, np.nan), tasks)
            update_P = self._combined(cast("JacobianRule", self.balancer), call, rows, measured, scale)
            rows.apply_update(update_P, heads_A)
        else:
            weights_K = self._weighed(call, measured, tasks).double().cpu().numpy()
            weights_A = torch.from_numpy(call.of_present(weights_K))
            # A losses-only method in a recorded step weighs whole losses, as in every other step.
            rows.apply(weights_A, weights_A if self.balancer.weighs_losses else heads_A)

    def _combined(
        self,
        rule: JacobianRule,
        call: StepLosses,
        rows: TaskGradients,
        measured: StepMeasurements,
        scale: Tensor | None,
    ) -> Tensor:
        """Return the update of a method that combines the gradients entry by entry."""
        jacobian_KP = rows.jacobian()
        if len(call.places) < call.n_tasks:
            full = jacobian_KP.new_zeros(call.n_tasks, jacobian_KP.shape[1])
            jacobian_KP = full.index_copy_(0, call.index(), jacobian_KP)
        if scale is not None:
            jacobian_KP = jacobian_KP / scale
        active_K = torch.from_numpy(measured.active_K).to(jacobian_KP.device)
        update_P = rule.combine(jacobian_KP, call.losses_K(), active_K)
        if self.rescale in ("sum", "mean"):
            wanted = torch.where(active_K[:, None], jacobian_KP, 0).sum(0).norm()
            wanted = wanted / (max(int(measured.active_K.sum()), 1) if self.rescale == "mean" else 1)
            length = update_P.norm()
            update_P = update_P * torch.where(length > 0, wanted / length, 1)
        return update_P if scale is None else update_P * scale

    def _asked(self, call: StepLosses, *, retain: bool, weighed: bool) -> GradientRequest:
        full = self.rescale in ("sum", "mean") or self._due()
        diagonal = self.balancer.needs in (Needs.NORMS, Needs.JACOBIAN) and not full
        if self.scaler is not None and not weighed:
            live = tuple(self.scaler.scale(loss) for loss in call.live)
            call = StepLosses(call.n_tasks, call.places, live, call.values_A)
        return GradientRequest(call, self.shared, diagonal=diagonal, retain=retain, weighed=weighed)

    def _split_pass(self, call: StepLosses, weights_K: Tensor, retain: bool) -> None:
        """Weigh the shared part by `weights_K` and the heads by the preference, in one pass if possible."""
        wanted_K = head_weights(self.balancer.preference, np.isin(np.arange(call.n_tasks), call.places))
        heads_K = torch.from_numpy(wanted_K).to(call.values_A)
        if not retain and call.values_A.device.type == "cpu":
            given_K = weights_K.double().numpy()
            # Own gradients can be brought from w to p only if w is not 0.
            if np.all(np.abs(given_K[list(call.places)]) > 1e-12):
                factors_K = np.divide(wanted_K, given_K, out=np.zeros_like(wanted_K), where=given_K != 0)
                if self._passed_on_host(call, weights_K, factors_K.tolist()):
                    return
        total = split_weighted_loss(call, weights_K, heads_K, self.shared, self.skipped.drop)
        if total is not None:
            self.scaled(total).backward(retain_graph=retain)
            return
        own = own_leaves(TaskGraph(call.live).leaves.values(), self.shared.ids)
        for weights, inputs, keep in ((weights_K, self.shared.trainable(), True), (heads_K, own, retain)):
            total = weighted_loss(call, weights, self.skipped.drop)
            self.scaled(total).backward(inputs=inputs, retain_graph=keep)

    def _passed_on_host(self, call: StepLosses, weights_K: Tensor, factors_K: Sequence[float] | None) -> bool:
        """Do a pass in host memory; `False`: it cannot be done there."""
        if not call.live or call.values_A.device.type != "cpu" or world_size() > 1 or is_ddp(self.model):
            return False
        host = CPUBackward(call, self.shared.ids, self.skipped, self.scaler is not None)
        if not host.possible(factors_K is not None):
            return False
        host.run(weights_K, factors_K, self.scaled)
        return True

    def _take_ranks_source(self) -> None:
        """Switch to exact passes that are reduced over the ranks; nothing else can be."""
        if not self.source.exact or self.balancer.needs is Needs.CROSS:
            what = "independent batches" if self.source.exact else type(self.source).__name__
            raise InvalidArgumentError(
                f"In a process group Gramians come from exact passes that are reduced over the ranks; {what} "
                "cannot be used there: use source='auto' and a method that takes one batch."
            )
        if not isinstance(self.source, (ReplicatedSource, FSDPSource)):
            sharded = is_sharded(self.shared.trainable())
            self.source = FSDPSource(self.model) if sharded else ReplicatedSource(self.model)

    def _connected(self, total: Tensor) -> Tensor:
        """Give a rank without any loss a zero that reaches the parameters, for the others wait for it."""
        if total.requires_grad or world_size() == 1:
            return total
        return total + torch.stack([parameter.sum() for parameter in self._reached()]).sum() * 0

    def _nothing_shared(self) -> bool:
        return not any(parameter.requires_grad for parameter in self.shared.all)

    def _reached(self) -> list[Tensor]:
        """Return parameters that a backward pass reaches: the shared ones, or whatever the network has."""
        if self.model is None or not self._nothing_shared():
            return self.shared.trainable()
        return [parameter for parameter in self.model.parameters() if parameter.requires_grad]

    def device(self) -> torch.device:
        """Return where the parameters are."""
        parameters = self.shared.all or ([] if self.model is None else list(self.model.parameters()))
        return parameters[0].device if parameters else torch.device("cpu")

    def _due(self) -> bool:
        return self.monitor is not None and self.monitor.due(self.step)

    def _scale(self, call: StepLosses) -> Tensor:
        """Return the `GradScaler`'s factor without waiting for the device."""
        return self.scaled(torch.ones((), device=call.values_A.device))

    def _poison(self) -> None:
        """Let the `GradScaler` find an overflow: it then skips the step and lowers its scale."""
        for parameter in self.shared.trainable():
            parameter.grad = torch.full_like(parameter, float("inf"))

    def _note(
        self, call: StepLosses, measured: StepMeasurements, weights_K: np.ndarray, tasks: Sequence[str]
    ) -> None:
        if call.values_A.device.type == "cpu" and not measured.broken_K.any():
            self.skipped.start_clean(call)
        else:
            self.skipped.start(call, torch.from_numpy(call.of_present(measured.broken_K)))
            for place in np.flatnonzero(measured.broken_K):
                self.skipped.warn(tasks[place])
        if self.monitor is not None and self._due():
            kept = np.outer(measured.active_K, measured.active_K)
            gramian_KK = np.where(kept, measured.gramian_KK, np.nan)
            self.monitor.record(self.step, tasks, measured.losses_K, weights_K, gramian_KK)
