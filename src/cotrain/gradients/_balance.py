"""Apply a balancing method inside a PyTorch loop."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from cotrain._base import InvalidArgumentError, check_choice, check_number, did_you_mean
from cotrain.balancing import Balancer, Needs
from cotrain.gradients._balance_arguments import (
    check_heeded,
    check_kinds,
    check_preference,
    check_regulariser,
)
from cotrain.gradients._distributed import forbid_second_backward
from cotrain.gradients._engine import Engine
from cotrain.gradients._groups import Groups, PerGroup, parameters_by_group
from cotrain.gradients._monitor import Monitor
from cotrain.gradients._process_group import world_size
from cotrain.gradients._shared_parameters import SharedParameters
from cotrain.gradients._state_dict import from_plain, to_plain
from cotrain.gradients._step_losses import Losses, losses_by_task, order_losses
from cotrain.gradients.passes._base import PassContext, Step
from cotrain.gradients.sources._auto import choose_source


class Balance:
    """Weigh the tasks of a step by a balancing method and fill `.grad`.

    `backward` replaces `sum(losses).backward()`; `combine` gives one scalar for an engine that wants to call
    `backward` itself. A method that looks at losses only multiplies whole losses, heads included, in one
    backward pass and without host synchronisation. A method that looks at gradients weighs the shared
    parameters alone:

        shared.grad += Σₖ wₖ ∇Lₖ        own parameters of task k: grad += pₖ ∇Lₖ

    with p the preference (mean 1 over the tasks of the step; 1 if there is none). Parameters that are
    neither shared nor reached by one task only learn from the sum of their tasks' losses.

    A task that is not in the dict is inactive: no weight, no gradient, no change of state. A task whose
    loss or gradient is not finite is left out of the step in the same way and counted in `skipped`.

    Gradient accumulation: gradients are added to `.grad`; each call weighs its own batch. Half precision:
    run the forward pass under autocast; with float16 give the `GradScaler` as `scaler` and the losses
    unscaled, then use `scaler.step` as always, with one optimiser or several (a non-finite gradient of a
    finite loss, or a step without any finite loss, then counts as overflow: it is left for the scaler to
    find in all that would have got a gradient, and the method is not asked).

    Args:
        balancer: the method.
        shared_parameters: parameters on which the tasks compete; read once. An empty list: nothing is
            shared, so a gradient method has nothing to weigh and every weight is the preference.
        tasks: the K task names in the order of the balancer's per-task arguments. `None`: the names of the
            first call.
        model: the network, for sources that look at its layers and for distributed training.
        source: where Gramians come from: "exact", "ghost", "disjoint", "representation", "auto", or a list
            of modules whose parameters stand for all shared ones (an approximation).
        every: the weights of a gradient method are computed at every so many steps (≥ 1) and used again in
            between, where a step costs one backward pass. Methods that combine gradients entry by entry, and
            `groups`, have no such weights.
        rescale: what to do about the length of the update, which differs up to 100-fold between methods:
            `None` leaves it; "sum" and "mean" make it as long as the sum or the mean of the gradients;
            "weights" makes the weights of the active tasks add up to their number (refused where a task has
            no one weight: methods that combine gradients entry by entry, and `groups`).
        monitor: records cosines, norms and conflicts at every so many steps.
        scaler: the `GradScaler` of float16 training; losses are given unscaled.
        memory: for source="auto": what the gradients of single tasks may take beside the activations, in
            bytes or as "64MB". `None`: as much as one pass per task takes, more only where it saves a tenth
            of the time.
        groups: name -> a module or parameters: the method weighs the gradients of each group by weights of
            the group's own (`group_weights`), and what is in no group as one more. Costs the Jacobian.

    Raises:
        InvalidArgumentError: for an unknown source or rescaling, a setting that the method has no use for, a
            preference of another length than the tasks, or a task that is named twice.

    Example:
        >>> import torch
        >>> from cotrain.balancing import Static
        >>> encoder, heads = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)
        >>> balance = Balance(Static([1.0, 0.5]), encoder.parameters(), tasks=["a", "b"])
        >>> output = heads(encoder(torch.ones(5, 3)))
        >>> balance.backward({"a": output[:, 0].square().mean(), "b": output[:, 1].square().mean()})
        >>> balance.weights
        tensor([1.0000, 0.5000])
    """

    def __init__(
        self,
        balancer: Balancer,
        shared_parameters: Iterable[Tensor],
        *,
        tasks: Sequence[str] | None = None,
        model: nn.Module | None = None,
        source: str | Sequence[nn.Module] = "auto",
        every: int = 1,
        rescale: Literal["sum", "mean", "weights"] | None = None,
        monitor: Monitor | None = None,
        scaler: torch.amp.GradScaler | None = None,
        memory: float | str | None = None,
        groups: Groups | None = None,
    ) -> None:
        check_kinds(balancer, shared_parameters, model=model, monitor=monitor, groups=groups)
        check_number(self, 1, every=every)
        check_choice(self, (None, "sum", "mean", "weights"), rescale=rescale)
        check_heeded(
            balancer, source=source, every=every, rescale=rescale, memory=memory, grouped=groups is not None
        )
        self.balancer = balancer
        self.tasks = None if tasks is None else tuple(tasks)
        if self.tasks is not None and len(set(self.tasks)) < len(self.tasks):
            raise InvalidArgumentError(
                f"Balance(tasks={list(self.tasks)!r}) names a task twice: give each task one name."
            )
        check_preference(balancer, self.tasks)
        self.model = model
        self.monitor = monitor
        self.scaler = scaler
        self.memory = memory
        self.source = source if isinstance(source, str) else list(source)
        self._shared = SharedParameters(shared_parameters)
        if groups is not None:
            members = parameters_by_group(groups, self._shared)
            self._shared = SharedParameters([p for some in members.values() for p in some])
            balancer = self.balancer = PerGroup(balancer, members)
        context = PassContext(
            balancer,
            self._shared,
            model=model,
            rescale=rescale,
            monitor=monitor,
            scaler=scaler,
        )
        self._engine = Engine(context, choose_source(source, balancer, model, memory), every=every)
        if isinstance(model, DistributedDataParallel):
            forbid_second_backward(model)

    @property
    def weights(self) -> Tensor | None:
        """The K weights of the last step, on the losses' device; `None` before the first.

        NaN for methods that combine gradients entry by entry.
        """
        return self._engine.weights_K

    @property
    def group_weights(self) -> dict[str, Tensor]:
        """Group -> the K weights of the last step, with `groups`; empty without."""
        rule = self.balancer
        found = rule.weights_by_group if isinstance(rule, PerGroup) else {}
        return {name: torch.from_numpy(weights_K) for name, weights_K in found.items()}

    @property
    def last_source(self) -> str | None:
        """How the last step took the tasks' gradients, and why so; `None` before the first step.

        "exact", "ghost", "disjoint" or "approximate", with the reason where there was a choice; or "none"
        with the reason why the step needed no gradients of single tasks.
        """
        return self._engine.last_source

    def __repr__(self) -> str:
        shared = self._shared.all
        n_numbers = sum(parameter.numel() for parameter in shared)
        source = self.source if isinstance(self.source, str) else [type(m).__name__ for m in self.source]
        tasks = None if self.tasks is None else list(self.tasks)
        if tasks is not None and len(tasks) > 12:
            tasks = f"[{', '.join(map(repr, tasks[:3]))}, ... {len(tasks)} in all]"
        parts = [
            repr(self.balancer),
            f"{len(shared)} shared parameters of {n_numbers:,} numbers",
            f"tasks={tasks}",
            f"source={source!r}",
            f"last_source={self.last_source!r}",
        ]
        return f"Balance({', '.join(parts)})"

    # -- a step -------------------------------------------------------------------------------------

    def backward(
        self,
        losses: Losses,
        *extra_batches: Losses,
        regulariser: Tensor | None = None,
    ) -> None:
        """Add this step's gradients to `.grad`.

        Args:
            losses: task -> scalar loss with its graph; any subset of the tasks. Or one loss per task in the
                order of the tasks, as a list (`None` where absent) or a tensor of K, such as the losses of K
                rows; tasks without names are then "0", "1", ...
            extra_batches: for methods on independent batches (SDMGrad, MoDo): the losses of the two other
                batches, from which the weights come; the update is taken from `losses`.
            regulariser: a scalar to add to the total at weight 1, such as `sharing.penalty()`.

        Raises:
            InvalidArgumentError: for an unknown task, a loss without a graph, or a wrong number of batches.
        """
        check_regulariser(regulariser)
        if regulariser is not None and not regulariser.requires_grad:
            regulariser = None
        step = self._step(losses, extra_batches, regulariser)
        if step.losses.live or world_size() > 1:
            self._engine.backward(step)
        elif regulariser is not None:
            self._engine.context.scaled(regulariser).backward()

    def combine(
        self,
        losses: Losses,
        *extra_batches: Losses,
        regulariser: Tensor | None = None,
    ) -> Tensor:
        """Return one scalar, Σₖ wₖ Lₖ, whose `backward` an engine can call.

        Unlike `backward` it weighs the heads too: a scalar has one weight per loss. Gradient methods take
        their passes here and leave the graph alive. Under FSDP2 they are refused: FSDP2 reduces what each
        of their passes leaves in `.grad` and frees what it gathered, so `backward` has to do them.

        Args:
            losses: as for `backward`.
            extra_batches: as for `backward`.
            regulariser: as for `backward`.

        Raises:
            InvalidArgumentError: also for methods that combine gradients entry by entry, which no scalar
                can express.
        """
        check_regulariser(regulariser)
        step = self._step(losses, extra_batches)
        self._refuse_updates()
        if step.losses.live or world_size() > 1:
            total = self._engine.combine(step)
        else:
            # A zero that `backward` can be called on and that leads to no parameter.
            total = step.losses.values_A.sum() + torch.zeros((), requires_grad=True)
        return total if regulariser is None else total + regulariser

    def weigh(self, losses: Losses, *extra_batches: Losses) -> Tensor:
        """Return the K weights of a step and leave `.grad` alone.

        It counts as a step of the method. The graph of the losses stays; weigh them, or their gradients, by
        hand. In a process group the weights are those of the joined batch.

        Args:
            losses: as for `backward`.
            extra_batches: as for `backward`.

        Raises:
            InvalidArgumentError: as for `combine`.
        """
        self._refuse_updates()
        step = self._step(losses, extra_batches)
        if not step.losses.live and world_size() == 1:
            return step.losses.values_A.new_zeros(step.losses.n_tasks)
        return self._engine.weigh(step)

    # -- what the balancer hears --------------------------------------------------------------------

    def observe_update(self, losses: Losses) -> None:
        """Give the balancer the losses of the same batch after the update (if `balancer.observes_update`).

        Compute them inside a `ReplayForward`, so that dropout draws the same and statistics count a
        batch once.
        """
        self.balancer.observe_update(self._values(losses))

    def observe_validation(self, losses: Losses | Mapping[str, float]) -> None:
        """Give the balancer the losses on the validation data; a missing task counts as NaN."""
        self.balancer.observe_validation(self._values(losses))

    def end_epoch(self) -> None:
        """Tell the balancer that an epoch has ended, and say once which tasks were left out of steps.

        Steps on losses only do not wait for the device, so that they cannot say it themselves.
        """
        self.balancer.end_epoch()
        for task, count in self.skipped.items():
            if count:
                self._engine.context.skipped.warn(task)

    @property
    def skipped(self) -> dict[str, int]:
        """How often each task was left out because a loss or gradient was not finite (waits for it)."""
        if self.tasks is None:
            return {}
        counts_K = self._engine.context.skipped.counts_K
        counts = [0] * len(self.tasks) if counts_K is None else counts_K.tolist()
        return dict(zip(self.tasks, counts, strict=True))

    # -- state --------------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """Return the state: tensors, numbers, strings, lists and dicts, as `weights_only=True` wants them."""
        engine = self._engine
        return to_plain(
            {
                "balancer": self.balancer.state_dict(),
                "tasks": None if self.tasks is None else list(self.tasks),
                "step": engine.step,
                "weights": engine.weights_K,
                "reused": engine.reused_K,
                "skipped": engine.context.skipped.counts_K,
            }
        )

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Take over the state of another `Balance` with the same arguments.

        Raises:
            InvalidArgumentError: if the state is not whole, or belongs to other tasks or another method.
        """
        plain = from_plain(dict(state))
        absent = [key for key in self.state_dict() if key not in plain]
        if absent:
            raise InvalidArgumentError(
                f"A state of Balance lacks {', '.join(absent)}: pass all of what state_dict() returned."
            )
        tasks = None if plain["tasks"] is None else tuple(plain["tasks"])
        if self.tasks is not None and tasks is not None and tasks != self.tasks:
            raise InvalidArgumentError(
                f"The state of this Balance belongs to the tasks {list(tasks)}, not to {list(self.tasks)}: "
                "load it into a Balance with the same tasks in the same order."
            )
        self.balancer.load_state_dict(plain["balancer"])
        self.tasks = self.tasks if tasks is None else tasks
        engine = self._engine
        engine.step = plain["step"]
        engine.weights_K = plain["weights"]
        engine.reused_K = plain["reused"]
        engine.context.skipped.counts_K = plain["skipped"]

    # -- inside -------------------------------------------------------------------------------------

    def _refuse_updates(self) -> None:
        if self.balancer.needs is Needs.JACOBIAN:
            raise InvalidArgumentError(
                f"{type(self.balancer).__name__} combines gradients entry by entry, which weights of losses "
                "cannot express: use balance.backward(losses)."
            )

    def _step(
        self,
        losses: Losses,
        extra: Sequence[Losses],
        regulariser: Tensor | None = None,
    ) -> Step:
        wanted = self.balancer.batches - 1
        if len(extra) != wanted:
            raise InvalidArgumentError(
                f"{type(self.balancer).__name__} takes the losses of {wanted} more independent batches, got "
                f"{len(extra)}: call balance.backward(losses{', more' * wanted})."
            )
        batches = [losses_by_task(batch, self.tasks) for batch in (losses, *extra)]
        if self.tasks is None:
            if not batches[0]:
                raise InvalidArgumentError(
                    "The first call has no losses, so the tasks are unknown: pass Balance(tasks=[...])."
                )
            check_preference(self.balancer, tuple(batches[0]))
            self.tasks = tuple(batches[0])
        engine = self._engine
        first, *rest = [order_losses(batch, self.tasks, engine.device()) for batch in batches]
        return Step(
            first, self.tasks, engine.step, extra=rest, regulariser=regulariser, reused_K=engine.reused_K
        )

    def _values(self, losses: Losses | Mapping[str, float]) -> Tensor:
        """Return K values in the order of the tasks, NaN where absent."""
        if self.tasks is None:
            raise InvalidArgumentError(
                "The tasks are unknown before the first step: pass Balance(tasks=[...])."
            )
        named = losses if isinstance(losses, Mapping) else losses_by_task(losses, self.tasks)
        for name in named:
            if name not in self.tasks:
                raise InvalidArgumentError(f"There is no task {name!r}: {did_you_mean(name, self.tasks)}")
        given = {name: torch.as_tensor(loss).detach() for name, loss in named.items()}
        dtype = torch.float32  # at least: a whole number must not make the others whole
        for loss in given.values():
            dtype = torch.promote_types(dtype, loss.dtype)
        device = next((loss.device for loss in given.values()), torch.device("cpu"))
        missing = torch.full((), torch.nan)
        return torch.stack([given.get(name, missing).reshape(()).to(device, dtype) for name in self.tasks])
