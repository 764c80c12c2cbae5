"""Weights from the Gramian between two independent batches."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError
from cotrain.balancing import StepDecision
from cotrain.gradients._process_group import world_size
from cotrain.gradients.passes._base import Pass, PassContext, PassResult, Step
from cotrain.gradients.passes._gradient_pass import on_host, take_note
from cotrain.gradients.passes._split_pass import SplitPass
from cotrain.gradients.sources._base import GradientRequest
from cotrain.gradients.sources._exact import ExactSource


class CrossPass(Pass):
    """J₁J₂ᵀ from two more batches gives the weights, with which the losses of the first are passed."""

    def __init__(self, context: PassContext, split: SplitPass) -> None:
        super().__init__(context)
        self._split = split
        # The two batches are held at once, so they need buffers of their own.
        self._sides = (ExactSource(), ExactSource())

    def weigh(self, step: Step) -> PassResult:
        """Return the weights."""
        if world_size() > 1:
            raise InvalidArgumentError(
                f"{type(self.context.balancer).__name__} takes independent batches, which cannot be used in "
                "a process group: use a method that takes one batch."
            )
        jacobians = [
            source.open(GradientRequest(batch, self.context.shared, weighed=True)).jacobian()
            for source, batch in zip(self._sides, step.extra, strict=True)
        ]
        decision = self._decide(step, jacobians[0] @ jacobians[1].T)
        take_note(self.context, step, replace(decision, gramian_KK=self._own_gramian(step)))
        weights_K = torch.from_numpy(decision.weights_K).to(step.losses.values_A)
        return PassResult(weights_K, "exact: the weights come from independent batches", decision.active_K)

    def backward(self, step: Step) -> PassResult:
        """Weigh, then pass the losses."""
        result = self.weigh(step)
        assert result.weights_K is not None
        self._split.apply(step.losses, result.weights_K, step.regulariser)
        return result

    def _own_gramian(self, step: Step) -> np.ndarray | None:
        """Return the Gramian of the losses that are weighed, for a monitor; `None`: it is not due."""
        if not self.context.due(step.number) or not step.losses.live:
            return None
        request = GradientRequest(step.losses, self.context.shared, retain=True, weighed=True)
        return on_host(step.losses, ExactSource().open(request), None)[0]

    def _decide(self, step: Step, cross: Tensor) -> StepDecision:
        losses, (first, second) = step.losses, step.extra
        cross_KK = np.full((losses.n_tasks, losses.n_tasks), np.nan)
        cross_KK[np.ix_(first.places, second.places)] = cross.double().cpu().numpy()
        losses_K = np.full(losses.n_tasks, np.nan)
        losses_K[list(losses.places)] = losses.values_A.double().cpu().numpy()
        present_K = np.ones(losses.n_tasks, dtype=bool)
        for batch in (losses, *step.extra):
            present_K &= np.isin(np.arange(losses.n_tasks), batch.places)
        context = self.context
        return StepDecision.of(
            context.balancer, losses_K, present_K, gramian=cross_KK, rescale=context.rescale
        )
