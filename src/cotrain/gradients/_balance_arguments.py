"""What the arguments of a `Balance` have to be, and which of them go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import Tensor, nn

from cotrain._base import InvalidArgumentError
from cotrain.balancing import Balancer, Needs
from cotrain.gradients._monitor import Monitor


def check_kinds(
    balancer: object, shared_parameters: object, *, model: object, monitor: object, groups: object
) -> None:
    """Refuse what is of another kind than `Balance` asks for.

    Raises:
        InvalidArgumentError: with what came and what to pass.
    """
    if not isinstance(balancer, Balancer):
        raise InvalidArgumentError(
            f"Balance(balancer={balancer!r}): expected a balancing method, such as cotrain.balancing.Equal()."
        )
    if isinstance(shared_parameters, (nn.Module, Tensor)):
        # A tensor can be iterated over too: its rows are no parameters, and no gradient reaches them.
        is_module = isinstance(shared_parameters, nn.Module)
        came = type(shared_parameters).__name__ if is_module else "a tensor"
        remedy = "encoder.parameters()" if is_module else "[encoder.weight]"
        raise InvalidArgumentError(
            f"Balance(shared_parameters=...) takes several parameters, got {came}: pass {remedy}."
        )
    if model is not None and not isinstance(model, nn.Module):
        raise InvalidArgumentError(
            f"Balance(model=...): expected the network, a torch.nn.Module, got {type(model).__name__}."
        )
    if monitor is not None and not isinstance(monitor, Monitor):
        raise InvalidArgumentError(
            f"Balance(monitor={monitor!r}): expected a Monitor, such as cotrain.gradients.Monitor(every=100)."
        )
    if groups is not None and not isinstance(groups, Mapping):
        raise InvalidArgumentError(
            f"Balance(groups=...): expected a dict from a name to a module or parameters, got "
            f"{type(groups).__name__}."
        )


def check_heeded(
    balancer: Balancer,
    *,
    source: object,
    every: int,
    rescale: str | None,
    memory: float | str | None,
    grouped: bool,
) -> None:
    """Refuse settings that the method has no use for: they would change nothing, and nobody would know.

    Args:
        balancer: the method.
        source: where Gramians come from.
        every: steps for which weights are used.
        rescale: what is done about the length of the update.
        memory: what the gradients of single tasks may take.
        grouped: each group of parameters has weights of its own.

    Raises:
        InvalidArgumentError: with the setting and what to do.
    """
    name = type(balancer).__name__
    if rescale in ("sum", "mean") and balancer.needs in (Needs.LOSSES, Needs.CROSS):
        raise InvalidArgumentError(
            f"Balance(rescale={rescale!r}) compares gradients, which {name} does not look at: use "
            "rescale='weights'."
        )
    entry_wise = "groups" if grouped else name if balancer.needs is Needs.JACOBIAN else None
    if rescale == "weights" and entry_wise:
        raise InvalidArgumentError(
            f"Balance(rescale='weights') scales one weight per task, which {entry_wise} does not have: use "
            "rescale='sum' or 'mean'."
        )
    if every > 1 and entry_wise:
        raise InvalidArgumentError(
            f"Balance(every={every}) uses one weight per task again, which {entry_wise} does not have, so "
            "that every step takes all gradients: use every=1."
        )
    if memory is not None and source != "auto":
        raise InvalidArgumentError(
            f"Balance(memory={memory!r}) is heeded by source='auto' alone: leave memory or source out."
        )


def check_preference(balancer: Balancer, tasks: Sequence[str] | None) -> None:
    """Refuse a preference of another number of values than there are tasks.

    Raises:
        InvalidArgumentError: with both numbers.
    """
    preference = balancer.preference
    if tasks is not None and preference is not None and len(preference) != len(tasks):
        raise InvalidArgumentError(
            f"{type(balancer).__name__}(preference={preference}) has {len(preference)} values for "
            f"{len(tasks)} tasks: give one value per task, in the order of {list(tasks[:12])}."
        )


def check_regulariser(regulariser: object) -> None:
    """Refuse what is no scalar tensor, such as a coefficient.

    Raises:
        InvalidArgumentError: with what came.
    """
    if regulariser is None or (isinstance(regulariser, Tensor) and regulariser.numel() == 1):
        return
    shape = f"shape {tuple(regulariser.shape)}" if isinstance(regulariser, Tensor) else repr(regulariser)
    raise InvalidArgumentError(
        f"The regulariser must be a scalar tensor that is added to the losses, got {shape}: pass, for "
        "instance, 0.01 * model.sharing.penalty()."
    )
