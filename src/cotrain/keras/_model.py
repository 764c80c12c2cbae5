"""A `keras.Model` whose train step balances its tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from cotrain._base import InvalidArgumentError, check_choice, did_you_mean
from cotrain.balancing import Balancer, Equal
from cotrain.keras._callback import EpochReporter
from cotrain.keras._losses import LossSum, in_sentences
from cotrain.keras._metrics import LabelledMean, labelled_rows, without_labels_nan
from cotrain.keras._numpy_bridge import BalancerBridge
from cotrain.keras._overrides import own_ways
from cotrain.keras._per_task_arguments import named_outputs, per_task
from cotrain.keras._saving import balancer_config, balancer_from_config, pack, unpack
from cotrain.keras._train_step import BalancedTrainStep, Batch

_STATE = "balancer"


@keras.saving.register_keras_serializable(package="cotrain")
class MultiTaskModel(keras.Model):
    """A functional model with an output per task, trained by a balancing method.

    `compile`, `fit`, `evaluate`, `predict`, callbacks, `save` and `load_model` work as in any `keras.Model`.
    What differs is the train step. A method that looks at losses only multiplies whole losses, heads
    included, in one backward pass. A method that looks at gradients weighs the shared variables alone:

        shared: Σₖ wₖ ∇Lₖ        all others: Σₖ pₖ ∇Lₖ

    with p the preference (mean 1 over the tasks of the step). Lₖ is the mean over the task's labelled rows
    times `loss_weights[k]`. A label is missing where it is NaN or where its sample weight is 0; a key may be
    absent from `y` altogether. A task without a label in a batch is inactive: no weight, no change of state,
    and neither its own variables nor their momenta move. A task whose loss or gradient is not finite is left
    out of the step in the same way and counted in `skipped`.

    `history` has `<task>_loss`, the mean over labelled rows, and `loss`, their sum times `loss_weights` plus
    regularisation, whatever the balancer did: a figure that can be compared over epochs and methods.
    Metrics see labelled rows only. A task without any labelled row has NaN for its loss and its metrics, and
    where no task has one `loss` is NaN too, so that no callback takes it for perfect. Calls return a dict
    task -> output.

    Several replicas (`MirroredStrategy`): label counts and Jacobians are summed over the replicas, so the
    step is that of the joined batch. `Every` saves nothing there, and Gramians come from K passes.

    Args:
        inputs: symbolic inputs, as for `keras.Model`.
        outputs: a dict task -> symbolic output, or a list in the order of `tasks`.
        tasks: the K names in the order of the balancer's per-task arguments; outputs that are not named are
            predicted and not trained. `None`: all outputs.
        balancer: the method, its state included; `None`: `Equal()`.
        shared: variables on which the tasks compete: "auto", those that more than one output depends on; or
            a list of layers or their names.
        preference: task -> positive number, the user's priorities; `None`: equal.
        reference_losses: task -> loss of the best constant prediction, for methods that want them.
        source: where Gramians come from: "exact" (K backward passes), "ghost" (Dense layers by their inputs
            and output gradients, exact too), "auto" (whichever is cheaper for the number of rows).
        name: of the model.

    Raises:
        InvalidArgumentError: an unknown task, layer or source; a method on several independent batches.

    Example:
        >>> from cotrain.balancing import UPGrad
        >>> inputs = keras.Input((4,))
        >>> hidden = keras.layers.Dense(8, activation="relu")(inputs)
        >>> outputs = {"price": keras.layers.Dense(1)(hidden), "sold": keras.layers.Dense(1)(hidden)}
        >>> model = MultiTaskModel(inputs, outputs, balancer=UPGrad())
        >>> model.compile("adam", {"price": "mse", "sold": keras.losses.BinaryCrossentropy(from_logits=True)})
        >>> y = {"price": np.array([1.0, np.nan]), "sold": np.array([np.nan, 1.0])}
        >>> history = model.fit(np.ones((2, 4)), y, verbose=0)
        >>> sorted(history.history)
        ['loss', 'price_loss', 'sold_loss']
    """

    def __init__(
        self,
        inputs: Any,
        outputs: Any,
        *,
        tasks: Sequence[str] | None = None,
        balancer: Balancer | None = None,
        shared: str | Sequence[Any] = "auto",
        preference: Mapping[str, float] | None = None,
        reference_losses: Mapping[str, float] | None = None,
        source: str = "auto",
        name: str | None = None,
    ) -> None:
        outputs = named_outputs(outputs, tasks)
        names = tuple(outputs) if tasks is None else tuple(tasks)
        for task in names:
            if task not in outputs:
                raise InvalidArgumentError(
                    f"MultiTaskModel(tasks=...) names {task!r}, which is no output: "
                    f"{did_you_mean(task, outputs)}"
                )
        check_choice("MultiTaskModel", ("auto", "exact", "ghost"), source=source)
        if "call" in own_ways(type(self), MultiTaskModel):
            raise InvalidArgumentError(
                f"{type(self).__name__} has a call of its own, and a MultiTaskModel is made of inputs and "
                "outputs: put the computation into layers between them, and leave call out."
            )
        super().__init__(inputs, outputs, name=name)
        self.tasks = names
        self.balancer = Equal() if balancer is None else balancer
        self.shared = shared if isinstance(shared, str) else [getattr(item, "name", item) for item in shared]
        self.preference = None if preference is None else dict(preference)
        self.reference_losses = None if reference_losses is None else dict(reference_losses)
        self.source = source
        given = (
            per_task("preference", preference, names),
            per_task("reference_losses", reference_losses, names),
        )
        host = BalancerBridge(self.balancer, names, *given)
        self._machine = BalancedTrainStep(names, tuple(outputs), host, self.shared, source)
        self._task_trackers = [LabelledMean(name=f"{task}_loss") for task in names]
        self._penalty_tracker = keras.metrics.Mean(name="penalty")

    @property
    def task_weights(self) -> dict[str, float]:
        """The weights of the last step; NaN for methods that combine gradients entry by entry."""
        weights_K = self._machine.host.weights_K
        return {} if weights_K is None else dict(zip(self.tasks, weights_K.tolist(), strict=True))

    @property
    def skipped(self) -> dict[str, int]:
        """How often each task was left out because its loss or gradient was not finite."""
        return dict(zip(self.tasks, self._machine.host.skipped_K.tolist(), strict=True))

    def compile(
        self,
        optimizer: Any = "rmsprop",
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Configure the training, as `keras.Model.compile`.

        Args:
            optimizer: as in Keras.
            loss: a dict task -> loss, or one for all tasks.
            loss_weights: a dict task -> positive factor on the loss before any balancing.
            metrics: as in Keras; they see labelled rows only.
            weighted_metrics: the same, with the sample weights.
            run_eagerly: as in Keras.
            steps_per_execution: as in Keras.
            jit_compile: must not be True, for the weights are solved on the host.
            auto_scale_loss: as in Keras.

        Raises:
            InvalidArgumentError: a task has no loss, or a loss is no mean over rows.
        """
        if jit_compile is True:
            raise InvalidArgumentError(
                "compile(jit_compile=True) cannot be used with a balancer, whose weights are solved on the "
                "host: leave it at 'auto'."
            )
        self._machine.set_losses(loss, loss_weights)
        super().compile(
            optimizer=optimizer,
            loss=loss,
            loss_weights=loss_weights,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            run_eagerly=run_eagerly,
            steps_per_execution=steps_per_execution,
            jit_compile=False,
            auto_scale_loss=auto_scale_loss,
        )

    def fit(
        self,
        x: Any = None,
        y: Any = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Any = "auto",
        callbacks: Any = None,
        validation_split: float = 0.0,
        validation_data: Any = None,
        shuffle: bool = True,
        class_weight: Any = None,
        sample_weight: Any = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: Any = 1,
    ) -> Any:
        """Train, as `keras.Model.fit`; the balancer hears of the ends of epochs and of validation losses."""
        reporter = EpochReporter(self.balancer, self.tasks)
        if isinstance(callbacks, keras.callbacks.CallbackList):
            callbacks.append(reporter)
        else:
            given = callbacks if isinstance(callbacks, (list, tuple)) else [callbacks]
            # First: a callback that saves at the end of an epoch saves what the balancer learned by then.
            callbacks = [reporter, *(callback for callback in given if callback is not None)]
        return super().fit(
            x=x,
            y=y,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            sample_weight=sample_weight,
            initial_epoch=initial_epoch,
            steps_per_epoch=steps_per_epoch,
            validation_steps=validation_steps,
            validation_batch_size=validation_batch_size,
            validation_freq=validation_freq,
        )

    # -- what Keras calls ---------------------------------------------------------------------------

    def make_train_function(self, force: bool = False) -> Any:
        """Make what `fit` and `train_on_batch` call."""
        before = self.train_function
        super().make_train_function(force)
        if self.train_function is not before:
            self.train_function = in_sentences(self.train_function)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Any:
        """Make what `evaluate`, `test_on_batch` and the validation call."""
        before = self.test_function
        super().make_test_function(force)
        if self.test_function is not before:
            self.test_function = in_sentences(self.test_function)
        return self.test_function

    def train_step(self, data: Any) -> dict[str, Any]:
        """Do one balanced step."""
        batch = self._machine.read(data)
        outputs, sums, penalty = self._machine.train(self, batch)
        return self._track(batch, outputs, sums, penalty)

    def test_step(self, data: Any) -> dict[str, Any]:
        """Measure one batch."""
        batch = self._machine.read(data)
        outputs = self(batch.x, training=False)
        extra = self.losses
        penalty = tf.add_n([tf.cast(loss, tf.float32) for loss in extra]) if extra else None
        return self._track(batch, outputs, self._machine.sums(batch, outputs), penalty)

    def compute_loss(
        self,
        x: Any = None,
        y: Any = None,
        y_pred: Any = None,
        sample_weight: Any = None,
        training: bool = True,
    ) -> Any:
        """Return the sum of the tasks' losses times `loss_weights`, plus regularisation; not balanced."""
        batch = self._machine.read((x, y, sample_weight))
        total = tf.zeros(())
        for k, part in self._machine.sums(batch, y_pred).items():
            divisor = tf.where(part.count > 0, part.count, tf.ones_like(part.count))
            weight = self._machine.losses[self.tasks[k]].weight
            total += tf.cast(weight * part.total / divisor, tf.float32)
        return total + tf.add_n([tf.cast(loss, tf.float32) for loss in self.losses] or [tf.zeros(())])

    def compute_metrics(self, x: Any, y: Any, y_pred: Any, sample_weight: Any = None) -> dict[str, Any]:
        """Update the metrics with the labelled rows."""
        return self._update_metrics(self._machine.read((x, y, sample_weight)), y_pred)

    def get_metrics_result(self) -> dict[str, Any]:
        """Return the metrics, with "loss" as the sum of the tasks' mean losses."""
        logs = super().get_metrics_result()
        if self._machine.losses:
            logs = without_labels_nan(logs, dict(zip(self.tasks, self._task_trackers, strict=True)))
            found = [tf.convert_to_tensor(logs[f"{task}_loss"]) for task in self.tasks]
            known = [tf.where(tf.math.is_nan(loss), tf.zeros_like(loss), loss) for loss in found]
            losses = [
                loss * self._machine.losses[task].weight for task, loss in zip(self.tasks, known, strict=True)
            ]
            total = tf.add_n([tf.convert_to_tensor(loss) for loss in [*losses, logs.pop("penalty")]])
            # Without any label there is no loss, and 0 would look perfect.
            nothing = tf.reduce_all(tf.stack([tf.math.is_nan(loss) for loss in found]))
            logs["loss"] = tf.where(nothing, tf.constant(float("nan"), total.dtype), total)
        return logs

    # -- saving -------------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the network, the tasks and the balancer's arguments as JSON values."""
        return {
            "network": keras.Model(self.input, self.output, name=self.name).get_config(),
            "tasks": list(self.tasks),
            "balancer": balancer_config(self.balancer),
            "shared": self.shared if isinstance(self.shared, str) else list(self.shared),
            "preference": self.preference,
            "reference_losses": self.reference_losses,
            "source": self.source,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> MultiTaskModel:
        """Undo `get_config`."""
        config = dict(config)
        network = keras.Model.from_config(config.pop("network"), custom_objects=custom_objects)
        balancer = balancer_from_config(config.pop("balancer"), custom_objects)
        return cls(network.input, network.output, balancer=balancer, name=network.name, **config)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compile as the saved model was, and make the optimiser's variables, which are loaded next."""
        self.compile(**keras.saving.deserialize_keras_object(config))
        self.optimizer.build(self.trainable_variables)

    def save_own_variables(self, store: Any) -> None:
        """Save the balancer's state beside the weights."""
        super().save_own_variables(store)
        skipped = self._machine.host.skipped_K
        store[_STATE] = pack(
            {"state": self.balancer.state_dict(), "skipped": skipped, "tasks": list(self.tasks)}
        )

    def load_own_variables(self, store: Any) -> None:
        """Load the balancer's state, if the file has one.

        Raises:
            InvalidArgumentError: it belongs to other tasks.
        """
        super().load_own_variables({key: store[key] for key in store.keys() if key != _STATE})  # noqa: SIM118
        if _STATE not in store.keys():  # noqa: SIM118 - a store of a file is no dict
            return
        saved = unpack(np.asarray(store[_STATE]))
        if tuple(saved["tasks"]) != self.tasks:
            raise InvalidArgumentError(
                f"The balancer's state in this file belongs to the tasks {saved['tasks']}, not to "
                f"{list(self.tasks)}: load it into a model with the same tasks in the same order."
            )
        self.balancer.load_state_dict(saved["state"])
        self._machine.host.skipped_K = saved["skipped"]

    # -- inside -------------------------------------------------------------------------------------

    def _track(self, batch: Batch, outputs: Any, sums: Mapping[int, LossSum], penalty: Any) -> dict[str, Any]:
        for k, part in sums.items():
            mean = part.total / tf.where(part.count > 0, part.count, tf.ones_like(part.count))
            finite = tf.math.is_finite(mean)
            count = tf.where(finite, part.count, tf.zeros_like(part.count))
            self._task_trackers[k].update_state(
                tf.where(finite, mean, tf.zeros_like(mean)), sample_weight=count
            )
        if penalty is not None:
            self._penalty_tracker.update_state(penalty)
        return self._update_metrics(batch, outputs)

    def _update_metrics(self, batch: Batch, outputs: Any) -> dict[str, Any]:
        named = self._machine.by_name(outputs)
        labels, predictions, weights = {}, {}, {}
        for task in self.tasks:
            rows = labelled_rows(task, batch, named[task], self._machine.losses[task])
            labels[task], predictions[task], weights[task] = rows
        return super().compute_metrics(batch.x, labels, predictions, weights if batch.weights else None)
