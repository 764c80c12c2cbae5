"""The fit loop. It knows no task kind, no balancer and no architecture by name."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, final

import torch
from torch import Tensor, nn

from cotrain._base import RunError, mix_seed
from cotrain._base._ragged import Leaves
from cotrain.balancing import Balancer
from cotrain.data import Batches
from cotrain.data.sources import MixedOrder, Mixing, Proportional, RepeatFactor
from cotrain.gradients import Balance, Monitor, ReplayForward
from cotrain.networks import MultiTaskNetwork, parameter_groups
from cotrain.tasks import Task
from cotrain.training._average import WeightAverage
from cotrain.training._balancer_start import start_balancer
from cotrain.training._best_weights import BestWeights, Weights, copy_weights, frozen_weights
from cotrain.training._checkpoint import Checkpoints, read_checkpoint
from cotrain.training._crossed_choice import CrossedChoice
from cotrain.training._device import can_fuse, default_generator, pick_device
from cotrain.training._examples import Examples
from cotrain.training._loggers import FitStart, Logger
from cotrain.training._loss_sums import LossSums
from cotrain.training._monitor_means import mean_record
from cotrain.training._predict import output_batches
from cotrain.training._reconstruction import Reconstructor
from cotrain.training._result import FitResult
from cotrain.training._schedule import warm_cosine
from cotrain.training._settings import Training
from cotrain.training._threads import threads_for, using_threads
from cotrain.training._time_plan import TimePlan
from cotrain.training._validation import Validator

#: Changes a batch, whose random draws come from a generator of the host or from torch's own stream.
Augment = Callable[[Mapping[str, Any], torch.Generator], dict[str, Any]]
#: Seconds between two reports of the running losses; each costs one transfer from the device.
REPORT_SECONDS = 0.5


@final
class Fit:
    """Fits a multi-task network to partially labelled rows.

    All randomness is a pure function of the seed and of the number of the epoch or step, and all state is
    in `state_dict`: a fit that was killed and goes on from its checkpoint ends bit-identical to one that
    was not. The global random state is as before when the fit returns.

    Args:
        model: the network; trained in place.
        tasks: fitted tasks, in the order of the model's.
        balancer: how the tasks' losses or gradients are weighed.
        settings: everything else.
        train: training rows; those without any label are left out, unless `keep_all`.
        validation: rows to choose the best epoch on; `None`: the last epoch is kept.
        seed: names every random stream.
        loggers: who is told how it goes.
        checkpoint: file for the state; `None`: none is kept.
        keep_all: keep rows without any label, for labels that `relabel` gives them later.
        augment: (batch, generator) -> another batch, for every training step; what it draws, from this
            generator of the host or from torch's own stream, is the step's own.
        mixing: how many rows of each source a batch holds, where the training rows come from several, or of
            each task's; default `Proportional()`, and `RepeatFactor()` where some rows have no label of a
            task whose head reads maps.
        crossed: whether the best epochs by either half of the validation labels are kept too, so that the
            same labels can judge the fit, see `FitResult`.
        unlabelled: inputs of all rows that `settings.reconstruction` learns from; `None`: of the training
            rows, labelled or not.

    Example:
        >>> import polars as pl
        >>> from cotrain.balancing import Equal
        >>> from cotrain.networks import HardSharing, InputSpec, MLP
        >>> from cotrain.tasks import Regression
        >>> task, x = Regression("y"), torch.linspace(-1, 1, 64)[:, None]
        >>> frame = pl.DataFrame({"y": (2 * x[:, 0]).numpy()})
        >>> task.fit(frame)
        >>> targets, mask = task.encode(frame)
        >>> rows = Examples({"inputs": x}, {"y": targets}, {"y": mask})
        >>> spec = InputSpec(tensors={"inputs": (1,)})
        >>> sharing = HardSharing().build(lambda: MLP(hidden=(8,)).build(spec), ["y"])
        >>> model = MultiTaskNetwork(sharing, {"y": task.head(8)})
        >>> settings = Training(epochs=2, batch_size=16)
        >>> result = Fit(model, [task], Equal(), settings, train=rows, validation=None).run()
        >>> len(result.history)
        2
    """

    def __init__(
        self,
        model: MultiTaskNetwork,
        tasks: Sequence[Task],
        balancer: Balancer,
        settings: Training,
        *,
        train: Examples,
        validation: Examples | None,
        seed: int = 0,
        loggers: Iterable[Logger] = (),
        checkpoint: Path | None = None,
        keep_all: bool = False,
        augment: Augment | None = None,
        mixing: Mixing | None = None,
        crossed: bool = False,
        unlabelled: Leaves | None = None,
    ) -> None:
        self.tasks, self.seed = list(tasks), seed
        self.settings = settings
        self.loggers = list(loggers)
        self.device = pick_device(settings.device)
        self.model = model.to(self.device)
        labelled = train.labelled()
        with_label = torch.nonzero(labelled.any(dim=1) | keep_all).flatten()
        self.augment = augment
        self.labelled = labelled[with_label]
        self.train = train.take(with_label).to(self.device)
        self._fingerprint, self._first = "", self.train
        self.budget = settings.budget(len(with_label), train.inputs, n_tasks=len(self.tasks))
        size = self.budget.batch_size
        self.batches = Batches(
            self.train.parts(), batch_size=size, seed=seed, mixed=self._mixed(mixing, keep_all=keep_all)
        )
        self.validator = Validator(self.tasks, train, validation)
        chooses = crossed and validation is not None and self.budget.select != "last"
        self.crossed = CrossedChoice(self.tasks, train, validation) if chooses and validation else None
        self.checkpoints = Checkpoints(checkpoint, settings.checkpoint_seconds)

        told = "" if self.budget.select == "last" else self.validator.remark()
        self._remarks = [start_balancer(balancer, self.tasks, train), told]
        self.monitor = Monitor(settings.monitor or 1)
        self.balance = Balance(
            balancer,
            model.shared_parameters(),
            tasks=[task.name for task in self.tasks],
            model=model,
            source=settings.gradients,
            every=settings.balance_every,
            monitor=self.monitor if settings.monitor else None,
        )
        own_decay = settings.task_weight_decay
        groups = parameter_groups(
            model, settings.weight_decay, settings.weight_decay if own_decay is None else own_decay
        )
        self.reconstructor = Reconstructor.of(
            settings.reconstruction, model, unlabelled or train.inputs, batch_size=size, seed=seed
        )
        heads = [] if self.reconstructor is None else list(self.reconstructor.parameters())
        groups += [{"params": heads, "weight_decay": 0.0}] if heads else []
        self.optimizer = torch.optim.AdamW(groups, lr=self.budget.learning_rate, fused=can_fuse(self.device))
        self.average = WeightAverage(model, settings.average) if settings.average else None
        self._parameters = [*model.parameters(), *heads]
        self._generator = default_generator(self.device)

        self.steps_per_epoch = len(self.batches)
        self.plan = TimePlan(settings.time_limit, self.budget.epochs)
        self.epoch = 0
        self.step_in_epoch = 0
        self.stale_epochs = 0
        self.finished = False
        self.best = BestWeights()
        self._frozen = frozen_weights(model)
        self.history: list[str] = []
        self._loss_sums = LossSums([task.name for task in self.tasks], self.device)

    def _mixed(self, mixing: Mixing | None, *, keep_all: bool) -> MixedOrder | None:
        """Return the order of rows of several groups; `None` where there is one."""
        # Whoever gives rows labels later has said how often each of them comes.
        usual = Proportional() if keep_all else _usual_mixing(self.model, self.tasks, self.labelled)
        rule = usual if mixing is None else mixing
        groups, rule = rule.over(self.train.sources, self.labelled, [task.name for task in self.tasks])
        if groups is None or len(groups.names) < 2:
            return None
        order = MixedOrder(groups, rule, self.budget.batch_size, self.seed)
        return order if len(order.per_epoch) > 1 else None

    # -- running ------------------------------------------------------------------------------------

    def run(self) -> FitResult:
        """Train until the last epoch or until nothing gets better, and return the best weights."""
        devices = [self.device] if self.device.type == "cuda" else []
        self.plan.start()
        for logger in self.loggers:
            logger.start(
                FitStart(
                    [task.name for task in self.tasks],
                    self.n_steps,
                    self.plan.epochs,
                    self._step,
                    [json.loads(line) for line in self.history],
                )
            )
            for remark in filter(None, self._remarks):
                logger.message(remark)
        try:
            with torch.random.fork_rng(devices), using_threads(self.threads):
                while not self.finished:
                    self._train_epoch()
                    self._end_epoch()
        finally:
            for logger in self.loggers:
                logger.finish()
        return self._result()

    def run_epoch(self) -> None:
        """Train for one epoch, the loggers not being told: for loops that do something in between."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices), using_threads(self.threads):
            self._train_epoch()
            self._end_epoch()

    def relabel(self, targets: Leaves, masks: Leaves) -> None:
        """Give the kept training rows other labels, from the next epoch on.

        The validation and the reference losses remain those of the first labels.

        Args:
            targets: task -> [N, T], or N ragged rows of the lengths that the first ones had, of their types;
                texts [N, L] may be longer or shorter than the first ones.
            masks: task -> of the same layout.
        """
        rows = replace(self.train, targets=dict(targets), masks=dict(masks)).to(self.device)
        self.batches.replace({"targets": rows.targets, "masks": rows.masks})
        self.train, self.labelled = rows, rows.labelled().cpu()

    def _train_epoch(self) -> None:
        self.model.train()
        active = self._active_tasks()
        reported = time.monotonic()
        for batch in self.batches.epoch(self.epoch, start=self.step_in_epoch):
            if active[self.step_in_epoch]:
                self._take_step(batch, active[self.step_in_epoch])
            self.step_in_epoch += 1
            if time.monotonic() - reported > REPORT_SECONDS and self.loggers:
                self._report()
                reported = time.monotonic()
            if self.step_in_epoch < self.steps_per_epoch and self.checkpoints.due(epoch_ended=False):
                self.checkpoints.write(self.state_dict())

    def _active_tasks(self) -> list[dict[Task, Tensor | None]]:
        """Return for each batch of the epoch the tasks with a label, read once on the host.

        With each task come the rows that its head is computed for; `None`: all.
        """
        shuffled = self.labelled[self.batches.order(self.epoch).cpu()]
        on_maps = self.model.map_tasks()
        active: list[dict[Task, Tensor | None]] = []
        for first, last in self.batches.bounds:
            labelled = shuffled[first:last]
            found: dict[Task, Tensor | None] = {}
            for task, has in zip(self.tasks, labelled.unbind(1), strict=True):
                if has.any():
                    some = task.name in on_maps and not has.all()
                    found[task] = has.nonzero().flatten().to(self.device) if some else None
            active.append(found)
        return active

    def _take_step(self, batch: Mapping[str, Any], active: Mapping[Task, Tensor | None]) -> None:
        # Dropout and the like draw from a stream that the step's number names: nothing to restore later.
        self._generator.manual_seed(mix_seed(self.seed, "step", self._step))
        factor = warm_cosine(self._step, self.n_steps, self.budget.warmup)
        for group in self.optimizer.param_groups:
            # What was trained before has a rate of its own.
            group["lr"] = factor * group.get("own_rate", self.budget.learning_rate)
        self.model.sharing.set_progress(self._step / self.n_steps)
        if self.augment is not None:
            stream = torch.Generator().manual_seed(mix_seed(self.seed, "augmentation", self._step))
            batch = self.augment(batch, stream)
        again = ReplayForward(self.model) if self.balance.balancer.observes_update else None
        losses = self._losses(batch, active)
        self._loss_sums.add(losses)
        self.balance.backward(losses, regulariser=self._regulariser())
        if self.settings.clip is not None:
            nn.utils.clip_grad_norm_(self._parameters, self.settings.clip, foreach=True)
        self.optimizer.step()
        # To None, not to zero: a head whose task is absent next time must not move at all.
        self.optimizer.zero_grad(set_to_none=True)
        if again is not None:
            with again:
                self.balance.observe_update(self._losses(batch, active))
        if self.average is not None:
            self.average.update(self._step)

    def _regulariser(self) -> Tensor:
        """Return what is added to the tasks' loss after their balancing."""
        penalty = self.model.sharing.penalty()
        if self.reconstructor is None:
            return penalty
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.precision == "bfloat16"):
            return penalty.to(self.device) + self.reconstructor.loss(self.model, self._step)

    def _losses(self, batch: Mapping[str, Any], active: Mapping[Task, Tensor | None]) -> dict[str, Tensor]:
        rows = {task.name: rows for task, rows in active.items() if rows is not None}
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.precision == "bfloat16"):
            # Heads of tasks without a label here are not computed.
            outputs = self.model(batch["inputs"], [task.name for task in active], rows=rows)
        losses = {}
        for task in active:
            target, mask = batch["targets"][task.name], batch["masks"][task.name]
            if task.name in rows:
                target, mask = target[rows[task.name]], mask[rows[task.name]]
            losses[task.name] = task.loss(outputs[task.name], target, mask)
        return {
            task.name: losses[task.name] if task.weight == 1 else task.weight * losses[task.name]
            for task in active
        }

    def _end_epoch(self) -> None:
        losses = self._loss_sums.means()
        if not any(math.isfinite(loss) for loss in losses.values()):
            raise RunError(
                f"Training diverged in epoch {self.epoch + 1}: every loss is infinite or not a number. "
                f"Lower training.learning_rate (now {self.budget.learning_rate:g})."
            )
        model = self.kept_model
        record: dict[str, Any] = {"epoch": self.epoch, "loss": losses, "weights": self._weights()}
        record |= mean_record(self.monitor.take())
        health = self.model.sharing.health()
        if health.sentence:
            record["health"] = asdict(health)
        self.model.sharing.reset_health()
        if self.validator.examples is not None:
            batches = output_batches(model, self.validator.examples.inputs, self.budget.batch_size)
            copied = cache(self._copied)
            if self.crossed is not None:
                batches = list(batches)
                self.crossed.update(self.epoch, batches, copied, self.budget.select)
            validation = self.validator.validate(batches)
            self.balance.observe_validation(validation.losses)
            record |= {"validation": validation.values, "gain": validation.gains}
            if validation.by_source:
                record["validation_by_source"] = validation.by_source
            criteria, select = validation.criteria(), self.budget.select
            better = self.best.update(self.epoch, criteria, copied, select=select)
            # Rows that tell no epochs apart cannot say either that there is nothing left to gain.
            self.stale_epochs = 0 if better or not self.validator.judged else self.stale_epochs + 1
        self.balance.end_epoch()
        self.history.append(json.dumps(record))
        self.epoch += 1
        self.step_in_epoch = 0
        self._loss_sums.clear()
        patience = self.budget.patience if self.budget.select != "last" else None
        remark = self.plan.end_epoch(self.epoch)
        self.finished = self.epoch >= self.plan.epochs or (
            patience is not None and self.stale_epochs >= patience
        )
        for logger in self.loggers:
            logger.epoch(record)
            if remark and not (self.finished and self.epoch < self.plan.epochs):
                logger.message(remark)
        kept = self.checkpoints.path is not None
        if kept and (self.finished or self.checkpoints.due(epoch_ended=True)):
            self.checkpoints.write(self.state_dict())

    def state_dict(self) -> dict[str, Any]:
        """Return all state as tensors and plain values."""
        average = self.average
        return {
            "fingerprint": self.fingerprint,
            "epoch": self.epoch,
            "step_in_epoch": self.step_in_epoch,
            "stale_epochs": self.stale_epochs,
            "finished": self.finished,
            "plan": self.plan.state_dict(),
            "history": self.history,
            "losses": self._loss_sums.state_dict(),
            # What does not learn is one tensor in all of them, so that it is written once.
            "model": {**self.model.state_dict(), **self._frozen},
            "averaged": None if average is None else {**average.model.state_dict(), **self._frozen},
            "optimizer": self.optimizer.state_dict(),
            "balance": self.balance.state_dict(),
            "monitor": self.monitor.records,
            "health": self.model.sharing.health_state(),
            "reconstruction": None if self.reconstructor is None else self.reconstructor.state_dict(),
            "best": self.best.state_dict(),
            "crossed": None if self.crossed is None else self.crossed.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` gave.

        Raises:
            RunError: the state belongs to other training rows.
        """
        if state["fingerprint"] != self.fingerprint:
            raise RunError(
                "The checkpoint belongs to other training rows: the data or the configuration has changed "
                "since. Train again with --overwrite."
            )
        self.epoch = state["epoch"]
        self.step_in_epoch = state["step_in_epoch"]
        self.stale_epochs = state["stale_epochs"]
        self.finished = state["finished"]
        self.plan.load_state_dict(state.get("plan", {}))
        self.history = list(state["history"])
        self._loss_sums.load_state_dict(state["losses"])
        self.model.load_state_dict(state["model"])
        if self.average is not None:
            self.average.model.load_state_dict(state["averaged"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.balance.load_state_dict(state["balance"])
        self.monitor.records = list(state["monitor"])
        self.model.sharing.load_health_state(state["health"])
        self.best.load_state_dict(state["best"])
        if self.reconstructor is not None:
            self.reconstructor.load_state_dict(state["reconstruction"])
        if self.crossed is not None:
            self.crossed.load_state_dict(state["crossed"])
        for best in (self.best, *([] if self.crossed is None else self.crossed.best)):
            for weights in best.copies.values():
                weights.update(self._frozen)  # the same numbers, kept once

    def resume(self) -> None:
        """Go on from the checkpoint file."""
        if self.checkpoints.path is None:
            raise RunError("This fit keeps no checkpoint: there is nothing to resume from.")
        self.load_state_dict(read_checkpoint(self.checkpoints.path))

    @property
    def fingerprint(self) -> str:
        """A hash of the first training rows, computed when it is first asked for."""
        if not self._fingerprint:
            self._fingerprint = self._first.fingerprint()
        return self._fingerprint

    @cached_property
    def threads(self) -> int:
        """How many threads the steps are worth, counted when it is first asked for."""
        return threads_for(self.model, self.train.inputs, self.budget.batch_size)

    @property
    def n_steps(self) -> int:
        """Steps of the whole fit, as it is planned now."""
        return self.plan.epochs * self.steps_per_epoch

    @property
    def _step(self) -> int:
        return self.epoch * self.steps_per_epoch + self.step_in_epoch

    @property
    def kept_model(self) -> MultiTaskNetwork:
        """The network that is validated and kept."""
        return self.model if self.average is None else self.average.model

    def _copied(self) -> Weights:
        """Return a copy of the weights that are validated and kept."""
        return copy_weights(self.kept_model, self._frozen)

    def _weights(self) -> dict[str, float]:
        """Return the weights of the epoch's last step."""
        values = [] if self.balance.weights is None else self.balance.weights.tolist()
        return {task.name: value for task, value in zip(self.tasks, values, strict=False)}

    def _report(self) -> None:
        losses = self._loss_sums.means()
        for logger in self.loggers:
            logger.step(self._step, losses)

    def _result(self) -> FitResult:
        last = self._copied()
        names, select = [task.name for task in self.tasks], self.budget.select
        weights, weights_of = self.best.choose(names, last, select)
        crossed = [] if self.crossed is None else self.crossed.choose(names, last, select)
        history = [json.loads(line) for line in self.history]
        skipped = {name: int(n) for name, n in self.balance.skipped.items() if n}
        return FitResult(
            weights,
            weights_of,
            dict(self.best.epochs),
            history,
            skipped,
            replace(self.budget, epochs=self.plan.epochs),
            threads=self.threads,
            seconds=self.plan.seconds,
            crossed=crossed,
        )


def _usual_mixing(model: MultiTaskNetwork, tasks: Sequence[Task], labelled: Tensor) -> Mixing:
    """Return the rule where the user names none: by labels where some rows have none for a head on maps.

    1,200 pictures, of which 300 have boxes and 300 others masks: with eight in a step the two tasks saw two
    each, and stayed ten and six points behind networks for themselves alone.
    """
    on_maps = set(model.map_tasks())
    places = [place for place, task in enumerate(tasks) if task.name in on_maps]
    return Proportional() if bool(labelled[:, places].all()) else RepeatFactor()
