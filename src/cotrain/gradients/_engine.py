"""Which of the four passes a step takes, and what is kept from one step to the next."""

from __future__ import annotations

import torch
from torch import Tensor

from cotrain.balancing import Needs
from cotrain.gradients._distributed import (
    connected,
    refuse_first_pass_without_averaging,
    refuse_without_model,
)
from cotrain.gradients._process_group import world_size
from cotrain.gradients.backward._weighted_loss import weighted_loss
from cotrain.gradients.passes._base import Pass, PassContext, PassResult, Step
from cotrain.gradients.passes._cross_pass import CrossPass
from cotrain.gradients.passes._gradient_pass import GradientPass
from cotrain.gradients.passes._loss_pass import LossPass
from cotrain.gradients.passes._split_pass import SplitPass
from cotrain.gradients.sources._base import GradientSource


class Engine:
    """The steps of one `Balance`, on losses that are already in the order of the tasks.

    Args:
        context: what all passes use.
        source: where Gramians come from.
        every: at every so many steps the weights of a gradient method are computed.
    """

    def __init__(self, context: PassContext, source: GradientSource, *, every: int) -> None:
        self.context = context
        self.every = every
        self.step = 0
        self.weights_K: Tensor | None = None
        self.reused_K: Tensor | None = None
        self.last_source: str | None = None
        self._by_losses = LossPass(context)
        self._split = SplitPass(context)
        self._by_gradients = GradientPass(context, source)
        self._by_batches = CrossPass(context, self._split)

    def backward(self, step: Step) -> None:
        """Add the step's gradients, and those of a regulariser, to `.grad`."""
        if world_size() > 1:
            refuse_without_model(self.context.model, self.context.reached())
        self._keep(self._pass().backward(step))

    def combine(self, step: Step) -> Tensor:
        """Return Σ wₖLₖ."""
        refuse_first_pass_without_averaging(step.losses.live)
        total = weighted_loss(step.losses, self.weigh(step), self.context.skipped.drop)
        return connected(total, self.context.reached)

    def weigh(self, step: Step) -> Tensor:
        """Return the K weights and leave `.grad` alone."""
        result = self._pass().weigh(step)
        self._keep(result)
        assert result.weights_K is not None
        return result.weights_K

    def _pass(self) -> Pass:
        context, balancer = self.context, self.context.balancer
        needs, due = balancer.needs, context.due(self.step)
        if context.nothing_shared():
            return self._by_losses
        if needs is Needs.LOSSES and not due:
            return self._by_losses if balancer.weighs_losses else self._split
        reusable = self.reused_K is not None and self.step % self.every != 0
        if reusable and not due and needs is not Needs.JACOBIAN:
            return self._split
        return self._by_batches if needs is Needs.CROSS else self._by_gradients

    def _keep(self, result: PassResult) -> None:
        self.step += 1
        self.last_source = result.source
        if result.weights_K is None:
            return
        self.weights_K = result.weights_K
        if self.every > 1 and result.solved_K is not None:
            # A task that was absent now keeps the weight of the time before.
            old_K = torch.ones_like(self.weights_K) if self.reused_K is None else self.reused_K
            solved = torch.from_numpy(result.solved_K).to(self.weights_K.device)
            self.reused_K = torch.where(solved, self.weights_K, old_K.to(self.weights_K))

    def device(self) -> torch.device:
        """Return where the parameters are."""
        model, shared = self.context.model, self.context.shared
        parameters = shared.all or ([] if model is None else list(model.parameters()))
        return parameters[0].device if parameters else torch.device("cpu")
