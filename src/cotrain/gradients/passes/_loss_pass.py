"""Weights from losses alone, one backward pass of the weighted sum."""

from __future__ import annotations

from cotrain.balancing import Equal, Needs
from cotrain.gradients._distributed import averaged_grads, connected, share_losses
from cotrain.gradients.backward._weighted_loss import weighted_loss
from cotrain.gradients.passes._base import Pass, PassResult, Step, scaled_to_number


class LossPass(Pass):
    """Σ wₖLₖ for a method that weighs whole losses, or where nothing is shared. Waits for no device.

    Where nothing is shared no gradients meet, so a method that would weigh them is not asked: every weight
    is the preference.
    """

    def weigh(self, step: Step) -> PassResult:
        """Return the weights, on the losses' device."""
        losses_K, present_K = share_losses(step.losses)
        rule, why = self.context.balancer, "the method weighs losses"
        if rule.needs is not Needs.LOSSES:
            why = "no shared parameter can learn, so the weights are the preference"
            rule = Equal(preference=rule.preference)
        weights_K = rule.weights(losses_K, None, present_K)
        if self.context.rescale == "weights":
            active_K = losses_K.isfinite()
            weights_K = scaled_to_number(weights_K, active_K if present_K is None else active_K & present_K)
        self.start_counting(step.losses)
        return PassResult(weights_K.to(step.losses.values_A.dtype), f"none: {why}")

    def backward(self, step: Step) -> PassResult:
        """Do one pass for the weighted losses and the regulariser together."""
        context, result = self.context, self.weigh(step)
        weights_K, regulariser = result.weights_K, step.regulariser
        assert weights_K is not None
        if self.overflown(step.losses):
            return result
        if regulariser is None and self.passed_on_host(step.losses, weights_K, None):
            return result
        with averaged_grads(context.model, context.reached()):
            total = connected(weighted_loss(step.losses, weights_K, context.skipped.drop), context.reached)
            # One pass for both: under DistributedDataParallel a second one would not be averaged.
            context.scaled(total if regulariser is None else total + regulariser).backward()
        return result
