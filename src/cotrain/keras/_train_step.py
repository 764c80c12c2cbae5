"""What a `MultiTaskModel` does with a batch: forward, losses, the balanced step, trackers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf

from cotrain._base import InvalidArgumentError
from cotrain.keras._dense import DenseTap, dense_taps
from cotrain.keras._forward import Forward, joined
from cotrain.keras._gradient_step import GradientStep
from cotrain.keras._losses import LabelledRows, LossSum, TaskLoss, by_task, read_labels
from cotrain.keras._numpy_bridge import BalancerBridge
from cotrain.keras._replicas import n_replicas, on_host
from cotrain.keras._variable_groups import VariableGroups, chosen_variables, group_variables


@dataclass(frozen=True)
class Batch:
    """A batch by task.

    Args:
        x: inputs.
        labels: of the tasks that the batch has a column for.
        weights: sample weights, of those that have some.
    """

    x: Any
    labels: dict[str, LabelledRows]
    weights: dict[str, Any]


class BalancedTrainStep:
    """The parts of a model that Keras need not know of.

    Args:
        tasks: K names.
        outputs: names of all outputs.
        host: the balancer.
        shared: "auto" or layers.
        source: "auto", "exact" or "ghost".
    """

    def __init__(
        self, tasks: Sequence[str], outputs: Sequence[str], host: BalancerBridge, shared: Any, source: str
    ) -> None:
        self.tasks = tuple(tasks)
        self.outputs = tuple(outputs)
        self.host = host
        self.shared = shared
        self.source = source
        self.losses: dict[str, TaskLoss] = {}
        self._plans: dict[tuple[int, ...], VariableGroups] = {}
        self._tapped: keras.Model | None = None
        self._taps: list[DenseTap] = []

    def set_losses(self, loss: Any, loss_weights: Any) -> None:
        """Take over what `compile` got.

        Raises:
            InvalidArgumentError: a task has no loss, or a weight is no positive number.
        """
        losses = by_task(loss, self.tasks, self.outputs, "compile(loss=...)", spread=True)
        weights = by_task(loss_weights, self.tasks, self.outputs, "compile(loss_weights=...)", spread=True)
        absent = [task for task in self.tasks if task not in losses]
        if absent:
            raise InvalidArgumentError(
                f"compile(loss=...) has no loss for {absent}: give one for each of {list(self.tasks)}."
            )
        for task, weight in weights.items():
            if not 0 < weight < float("inf"):
                raise InvalidArgumentError(
                    f"compile(loss_weights=...) must be positive, got {weight!r} for task {task!r}."
                )
        self.losses = {task: TaskLoss(task, losses[task], weights.get(task, 1.0)) for task in self.tasks}
        self._plans.clear()
        self._tapped = None

    # -- a batch ------------------------------------------------------------------------------------

    def read(self, data: Any) -> Batch:
        """Sort a batch of `fit` by task."""
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
        labels = by_task(y, self.tasks, self.outputs, "y")
        weights = by_task(sample_weight, self.tasks, self.outputs, "sample_weight", spread=True)
        return Batch(x, {task: read_labels(labels[task], weights.get(task)) for task in labels}, weights)

    def sums(self, batch: Batch, outputs: Any) -> dict[int, LossSum]:
        """Return the sums of losses by the places of the tasks that the batch has a column for."""
        outputs = self.by_name(outputs)
        return {
            k: self.losses[task].sum(batch.labels[task], outputs[task], batch.weights.get(task))
            for k, task in enumerate(self.tasks)
            if task in batch.labels
        }

    def by_name(self, outputs: Any) -> Mapping[str, Any]:
        """Return the outputs of a call as a dict."""
        return outputs if isinstance(outputs, Mapping) else {self.outputs[0]: outputs}

    def train(self, model: keras.Model, batch: Batch) -> tuple[Any, dict[int, LossSum], Any]:
        """Do a step; return the outputs, the sums of losses and the regularisation losses."""
        if not model.optimizer.built:
            model.optimizer.build(model.trainable_variables)
        looks_again = self.host.balancer.observes_update
        before = _values(model.non_trainable_variables) if looks_again else []
        with tf.GradientTape(persistent=True) as tape:
            outputs, inputs, values = self._call(model, batch.x)
            sums = self.sums(batch, outputs)
            weights = [self.losses[task].weight for task in self.tasks]
            shares, losses_K, present_K = joined(sums, len(self.tasks), weights)
            extra = model.losses
            regulariser = tf.add_n([tf.cast(loss, tf.float32) for loss in extra]) if extra else None
            share = None if regulariser is None else regulariser / n_replicas()
        plan = self._plan(model, tape, outputs)
        taps = [tap for tap in self._taps if self._is_shared(plan, tap)]
        kept = [place for place, tap in enumerate(self._taps) if self._is_shared(plan, tap)]
        inputs, values = tuple(inputs[i] for i in kept), tuple(values[i] for i in kept)
        forward = Forward(tape, shares, losses_K, present_K, share, inputs, values)
        step = GradientStep(self.host, plan, model.optimizer, taps, self.source)
        result = step.gradients(forward)
        del tape
        step.apply(forward, result)
        if looks_again:
            self._observe_update(model, batch, weights, before)
        return outputs, sums, regulariser

    # -- inside -------------------------------------------------------------------------------------

    def _call(self, model: keras.Model, x: Any) -> tuple[Any, Sequence[Any], Sequence[Any]]:
        needs_rows = not (self.host.fixed and self.host.weighs_losses)
        if self._tapped is None and needs_rows and self.source != "exact" and n_replicas() == 1:
            self._taps = dense_taps(model)
            if self._taps:
                between = {"a": [tap.input for tap in self._taps], "y": [tap.output for tap in self._taps]}
                self._tapped = keras.Model(model.input, {"outputs": model.output, **between})
        if self._tapped is None:
            return model(x, training=True), (), ()
        everything = self._tapped(x, training=True)
        return everything["outputs"], everything["a"], everything["y"]

    def _plan(self, model: keras.Model, tape: tf.GradientTape, outputs: Any) -> VariableGroups:
        variables = model.trainable_variables
        key = tuple(id(variable) for variable in variables)
        if key not in self._plans:
            named = self.by_name(outputs)
            chosen = chosen_variables(model, self.shared)
            outputs_K = [named[task] for task in self.tasks]
            self._plans[key] = group_variables(tape, variables, outputs_K, chosen)
        return self._plans[key]

    @staticmethod
    def _is_shared(plan: VariableGroups, tap: DenseTap) -> bool:
        shared = {id(variable) for variable in plan.shared}
        variables = tap.layer.trainable_variables
        return bool(variables) and all(id(variable) in shared for variable in variables)

    def _observe_update(
        self, model: keras.Model, batch: Batch, weights: Sequence[float], before: Sequence[tf.Tensor]
    ) -> None:
        """Look at the batch again: dropout draws what it drew, and no running statistic sees it twice."""
        # Keras keeps the states of random streams among these variables too.
        variables, alone = model.non_trainable_variables, n_replicas() == 1
        after = _values(variables)
        if alone:
            _assign(variables, before)
        sums = self.sums(batch, model(batch.x, training=True))
        if alone:
            _assign(variables, after)
        _, losses_K, present_K = joined(sums, len(self.tasks), weights)
        on_host(self.host.observe_update, [losses_K, present_K], tf.float64)


def _values(variables: Sequence[Any]) -> list[tf.Tensor]:
    return [tf.identity(variable.value) for variable in variables]


def _assign(variables: Sequence[Any], values: Sequence[tf.Tensor]) -> None:
    for variable, value in zip(variables, values, strict=True):
        variable.value.assign(value)
