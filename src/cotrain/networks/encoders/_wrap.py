"""Any network of the user's own as an encoder."""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Self, final

import torch
from torch import Tensor, nn

from cotrain._base import InputSpec, InvalidArgumentError, did_you_mean
from cotrain.networks._base import Encoder
from cotrain.networks._positions import MaskedStage, mask_of_input, walk


@final
class Wrap(Encoder):
    """A `torch.nn.Module`, cut at submodules that run one after the other.

    Each entry of `stages` names one submodule, or several that make one stage together. A submodule that
    returns a tuple, list or dict gives its first value. What the module does outside of the named
    submodules is left out: name them all, and compare the encoder's output with the module's once.

    Rows of different length ("KEY:lengths" beside the input says so, or codes of 0 after their end) are told
    to a submodule whose `forward` has an argument `src_key_padding_mask` or `attention_mask`, as those of
    PyTorch and of transformers have; any other one must leave padding alone by itself.

    Every `build` copies the module, weights included, so that architectures that need several networks
    start each of them from the same (pretrained) weights. Experts that start equal stay equal: with
    `fresh=True` each copy draws new initial weights through its layers' `reset_parameters`.

    Args:
        module: the network, which is copied, never changed; or the name of its class,
            "package.module:Class", as it stands in a configuration file. A run with a network given in
            Python needs it again: `Learner.load(folder, encoder=Wrap(module, ...))`.
        stages: names of the submodules in the order in which they run, each a name or a sequence of
            names; none: the whole module is one stage. After `build` the attribute holds the stages.
        key: name of the tensor that the first stage gets, instead of the dict of inputs.
        widths: D after each stage; `None`: found by running one row of zeros through the stages, which
            needs the shape of a row of `key` in the description of the inputs. After `build` the
            attribute holds them.
        fresh: whether each copy draws new initial weights. What has weights and no `reset_parameters` is
            refused then.
        arguments: what the class gets, where `module` is a name.

    Raises:
        InvalidArgumentError: if there is no such class or submodule, the widths do not fit the stages,
            the shape of a row is not known, or a weight cannot be drawn anew.

    Example:
        >>> module = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3))
        >>> encoder = Wrap(module, stages=[("0", "1"), "2"], key="x", widths=(8, 3)).build(InputSpec())
        >>> encoder({"x": torch.zeros(5, 4)}).shape, len(encoder.stages)
        (torch.Size([5, 3]), 2)
        >>> Wrap("torch.nn:Linear", arguments={"in_features": 4, "out_features": 3}).network
        Linear(in_features=4, out_features=3, bias=True)
    """

    #: Parameters that name what is imported: not from a run folder that is not trusted.
    IMPORTED = ("module",)

    def __init__(
        self,
        module: nn.Module | str,
        stages: Sequence[str | Sequence[str]] = (),
        *,
        key: str = "inputs",
        widths: Sequence[int] | None = None,
        fresh: bool = False,
        arguments: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        network = _make(module, arguments or {}) if isinstance(module, str) else module
        # In a tuple, so that the untouched original does not count among this encoder's parameters.
        self._original = (module, network)
        self._cuts = [(cut,) if isinstance(cut, str) else tuple(cut) for cut in stages] or [("",)]
        self.stages: Any = tuple(stages)
        known = dict(network.named_modules())
        for name in (name for cut in self._cuts for name in cut):
            if name not in known:
                raise InvalidArgumentError(
                    f"Wrap(stages=...): {type(network).__name__} has no submodule {name!r}: "
                    f"{did_you_mean(name, [n for n in known if n])}"
                )
        if widths is not None and len(widths) != len(self._cuts):
            raise InvalidArgumentError(
                f"Wrap(widths={widths!r}) has {len(widths)} widths for {len(self._cuts)} stages: "
                "give one width a stage."
            )
        self.key = key
        self.widths: Any = None if widths is None else tuple(widths)
        self.fresh = fresh
        self.arguments = None if arguments is None else dict(arguments)

    @property
    def module(self) -> nn.Module | str:
        """The network or the name that was given."""
        return self._original[0]

    @property
    def network(self) -> nn.Module:
        """The network with its own weights, never changed."""
        return self._original[1]

    @property
    def keeps_positions(self) -> bool:
        """Yes, as far as can be known before it has run."""
        return True

    def build(self, spec: InputSpec) -> Self:
        """Copy the module and cut the copy into stages."""
        network = copy.deepcopy(self.network)
        if self.fresh:
            _draw_anew(network, self.network)
        parts = dict(network.named_modules())
        keys = [self.key, *[None] * len(self._cuts)]
        cuts = zip(self._cuts, keys, strict=False)
        self.stages = nn.ModuleList(_WrappedStage([parts[name] for name in cut], key) for cut, key in cuts)
        self.widths = self._probe(spec) if self.widths is None else self.widths
        self.width = self.widths[-1]
        return self

    def _probe(self, spec: InputSpec) -> tuple[int, ...]:
        if self.key not in spec.tensors:
            raise InvalidArgumentError(
                f"Wrap(key={self.key!r}, widths=None) finds the widths by running one row, but the inputs "
                f"describe no tensor of that name: give widths, or {did_you_mean(self.key, spec.tensors)}"
            )
        codes = self.key in spec.vocabularies
        row = torch.zeros(1, *spec.tensors[self.key], dtype=torch.long if codes else None)
        was_training = self.training
        with torch.no_grad():
            levels = [hidden for hidden, _ in walk(self.stages.eval(), {self.key: row})]
        widths = [hidden.shape[1 if hidden.dim() == 4 else -1] for hidden in levels]
        self.stages.train(was_training)
        return tuple(widths)


def _draw_anew(network: nn.Module, original: nn.Module) -> None:
    """Draw the initial weights of a copy, and refuse it where one has kept those of the original.

    Weights that are all alike at first, such as the ones and zeros of norms, are nothing drawn.
    """
    for part in network.modules():
        reset = _reset_of(part)
        if reset is not None:
            reset()
    given = dict(original.named_parameters())
    for path, part in network.named_modules():
        if _reset_of(part) is not None:
            continue
        for name, parameter in part.named_parameters(path, recurse=False):
            drawn = bool((parameter != parameter.flatten()[:1]).any()) if parameter.numel() else False
            if drawn and torch.equal(parameter, given[name]):
                raise InvalidArgumentError(
                    f"Wrap(fresh=True): {name} keeps the weights that it has, because {type(part).__name__} "
                    "has no method reset_parameters: write one, or leave fresh out."
                )


def _reset_of(part: nn.Module) -> Callable[[], None] | None:
    """Return what draws a module's initial weights; PyTorch's attention has it under a name of its own."""
    found: Any = getattr(part, "reset_parameters", None) or getattr(part, "_reset_parameters", None)
    return found if callable(found) else None


def _make(name: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Return an object of the named class, which must be a `torch.nn.Module`: nothing else is called."""
    module_name, colon, class_name = name.partition(":")
    if not colon:
        raise InvalidArgumentError(
            f"Wrap(module={name!r}): expected a torch.nn.Module or the name of its class, "
            "'package.module:Class'. A run that was made with a network given in Python is read with "
            "Learner.load(folder, encoder=Wrap(...))."
        )
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError) as error:
        raise InvalidArgumentError(f"Wrap(module={name!r}): cannot import it: {error}.") from error
    if not (isinstance(found, type) and issubclass(found, nn.Module)):
        raise InvalidArgumentError(f"Wrap(module={name!r}): expected a class derived from torch.nn.Module.")
    try:
        return found(**arguments)
    except TypeError as error:
        raise InvalidArgumentError(
            f"Wrap(module={name!r}, arguments={dict(arguments)!r}): {class_name} does not take them: {error}."
        ) from error


class _WrappedStage(MaskedStage):
    """Submodules one after the other, each giving its first value if it gives several."""

    def __init__(self, parts: Sequence[nn.Module], key: str | None) -> None:
        super().__init__()
        self.parts = nn.ModuleList(parts)
        self.key = key
        self._arguments = [_mask_argument(part) for part in parts]

    def forward(self, hidden: Any, mask: Tensor | None = None) -> Tensor:
        if self.key is not None:
            hidden, mask = hidden[self.key], self.mask_after(hidden)
        for part, argument in zip(self.parts, self._arguments, strict=True):
            told = {} if mask is None or not argument else {argument: _MASKS[argument](mask, hidden)}
            value: Any = part(hidden, **told)
            if isinstance(value, dict):
                value = next(iter(value.values()))
            hidden = value[0] if isinstance(value, tuple | list) else value
        return hidden

    def mask_after(self, before: Any) -> Tensor | None:
        return before if self.key is None or before is None else mask_of_input(before, self.key)


def _mask_argument(part: nn.Module) -> str:
    """Return the argument by which a module is told the padding; empty if it has none."""
    parameters = inspect.signature(part.forward).parameters
    return next((name for name in _MASKS if name in parameters), "")


def _attention_mask(mask: Tensor, hidden: Tensor) -> Tensor:
    """Return what transformers' models take beside codes, [B, S], or their layers, [B, 1, 1, S]."""
    if not hidden.is_floating_point():
        return mask.long()
    lowest = torch.finfo(hidden.dtype).min
    return torch.zeros_like(mask, dtype=hidden.dtype).masked_fill(~mask, lowest)[:, None, None]


#: How the conventions say which positions there are.
_MASKS: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "src_key_padding_mask": lambda mask, hidden: ~mask,
    "attention_mask": _attention_mask,
}
