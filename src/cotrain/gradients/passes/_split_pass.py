"""Weights that are known without gradients, for the shared part alone."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Needs, head_weights
from cotrain.gradients._distributed import averaged_grads, connected, is_sharded, refuse_synchronising
from cotrain.gradients._shared_parameters import grads_set_aside, own_leaves
from cotrain.gradients._step_losses import StepLosses
from cotrain.gradients.backward._weighted_loss import split_weighted_loss, weighted_loss
from cotrain.gradients.graph._task_graph import TaskGraph
from cotrain.gradients.passes._base import Pass, PassResult, Step, scaled_to_number, with_all_ranks


class SplitPass(Pass):
    """The shared part by known weights, the heads by the preference, in one pass if possible."""

    def weigh(self, step: Step) -> PassResult:
        """Return the weights of a method between its solves."""
        step = with_all_ranks(step)
        losses, rule = step.losses, self.context.balancer
        active_K = losses.present_K() & losses.losses_K().isfinite()
        if rule.needs is Needs.LOSSES:
            present_K = losses.present_K() if len(losses.places) < losses.n_tasks else None
            weights_K = rule.weights(losses.losses_K(), None, present_K)
            weights_K = weights_K.to(losses.values_A.dtype)
        elif step.reused_K is None:
            raise InvalidArgumentError("There are no weights to use again before the first step.")
        else:
            weights_K = step.reused_K.to(losses.values_A) * active_K
        if self.context.rescale == "weights":
            weights_K = scaled_to_number(weights_K, active_K)
        self.start_counting(losses)
        return PassResult(weights_K, "none: weights of an earlier step are used again")

    def backward(self, step: Step) -> PassResult:
        """Weigh the shared part and the heads."""
        refuse_synchronising(self.context.model)
        step = with_all_ranks(step)
        result = self.weigh(step)
        assert result.weights_K is not None
        self.apply(step.losses, result.weights_K, step.regulariser)
        return result

    def apply(self, losses: StepLosses, weights_K: Tensor, regulariser: Tensor | None) -> None:
        """Add Σ wₖ∇Lₖ to the shared parameters' gradients, and pₖ∇Lₖ to those of the heads.

        Args:
            losses: the losses.
            weights_K: weights on the shared parameters.
            regulariser: added at weight 1.
        """
        context = self.context
        if self.overflown(losses):
            return
        wanted_K = head_weights(
            context.balancer.preference, np.isin(np.arange(losses.n_tasks), losses.places)
        )
        with averaged_grads(context.model, context.reached()):
            if regulariser is not None or not self._on_host(losses, weights_K, wanted_K):
                self._in_graph(losses, weights_K, wanted_K, retain=regulariser is not None)
            if regulariser is not None:
                context.scaled(regulariser).backward()

    def _on_host(self, losses: StepLosses, weights_K: Tensor, wanted_K: np.ndarray) -> bool:
        if losses.values_A.device.type != "cpu":
            return False
        given_K = weights_K.double().numpy()
        # Own gradients can be brought from w to p only if w is not 0.
        if not np.all(np.abs(given_K[list(losses.places)]) > 1e-12):
            return False
        factors_K = np.divide(wanted_K, given_K, out=np.zeros_like(wanted_K), where=given_K != 0)
        return self.passed_on_host(losses, weights_K, factors_K.tolist())

    def _in_graph(self, losses: StepLosses, weights_K: Tensor, wanted_K: np.ndarray, *, retain: bool) -> None:
        context = self.context
        heads_K = torch.from_numpy(wanted_K).to(losses.values_A)
        drop = context.skipped.drop
        if is_sharded(context.shared.trainable()):
            self._in_shards(losses, weights_K, heads_K, retain=retain)
            return
        total = split_weighted_loss(losses, weights_K, heads_K, shared_ids=context.shared.ids, on_drop=drop)
        if total is not None:
            context.scaled(connected(total, context.reached)).backward(retain_graph=retain)
            return
        own = own_leaves(TaskGraph(losses.live).leaves.values(), context.shared.ids)
        for weights, inputs, keep in ((weights_K, context.shared.trainable(), True), (heads_K, own, retain)):
            total = weighted_loss(losses, weights, drop)
            context.scaled(total).backward(inputs=inputs, retain_graph=keep)

    def _in_shards(self, losses: StepLosses, weights_K: Tensor, heads_K: Tensor, *, retain: bool) -> None:
        """Do a pass for each part: the graph of FSDP2 holds what was gathered, not the parameters."""
        context = self.context
        shared, everything = context.shared.trainable(), context.trainable() or context.shared.trainable()
        with grads_set_aside(everything):
            weighted_loss(losses, weights_K, context.skipped.drop).backward(retain_graph=True)
            grads = [parameter.grad for parameter in shared]
            for parameter in everything:
                parameter.grad = None
            weighted_loss(losses, heads_K, context.skipped.drop).backward(retain_graph=retain)
            for parameter, grad in zip(shared, grads, strict=True):
                parameter.grad = grad
