"""Whether somebody listens to the gradients inside of a graph.

PyTorch lists no hooks of a node. But every hook that Python registers takes a number from one counter, and
every node has a number that grows with time: a graph whose nodes are all younger than the last foreign hook
has none. `retain_grad` takes no number; it is found by handing the node a gradient that cannot be copied.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch._C._autograd import _get_sequence_nr
from torch.autograd.graph import GradientEdge
from torch.utils.hooks import RemovableHandle

from cotrain.gradients.graph._task_graph import Node, TaskGraph


class HookWatch(threading.local):
    """Remembers up to which node every hook of others is accounted for, in each thread."""

    def __init__(self) -> None:
        self._own = 0
        self._handles = self.handles
        self._number = _get_sequence_nr()

    @property
    def handles(self) -> int:
        """How many hooks have been registered by others."""
        return RemovableHandle.next_id - self._own

    def register(self, node: Node | Tensor, hook: Callable[..., Any]) -> RemovableHandle:
        """Register a hook of this library on a node or a tensor."""
        self._own += 1
        return node.register_hook(hook)

    def register_before(self, node: Node, hook: Callable[..., Any]) -> RemovableHandle:
        """Register a hook of this library that runs before a node."""
        self._own += 1
        return node.register_prehook(hook)

    def renew(self) -> None:
        """Take note of hooks that were registered until now: younger nodes cannot have them."""
        if self.handles != self._handles:
            self._handles = self.handles
            self._number = _get_sequence_nr()

    def silent(self, graph: TaskGraph) -> bool:
        """Return whether no node of the graph can have a hook of others."""
        handles = self._handles
        self.renew()
        return handles == self._handles and _oldest(graph) >= self._number


hook_watch = HookWatch()


def _oldest(graph: TaskGraph) -> int:
    return min([node._sequence_nr() for node in graph.owner], default=0)


def hooks_on(node: Node) -> int:
    """Return how many hooks of Python a node has, those on its tensors not counted."""
    found = 0
    for register in (hook_watch.register, hook_watch.register_before):
        handle = register(node, _nothing)
        hooks = handle.hooks_dict_ref()
        found += 0 if hooks is None else len(hooks) - 1
        handle.remove()
    return found


def _nothing(*_: object) -> None:
    """Change nothing."""


class _Touched(Exception):
    """Somebody reads the gradient."""


class _Untouchable(Tensor):
    """A gradient without numbers that no operation can read."""

    @staticmethod
    def __new__(cls, like: Any) -> _Untouchable:
        """Make one of the shape of a node's output."""
        return Tensor._make_wrapper_subclass(cls, like.shape, dtype=like.dtype, device=like.device)

    @classmethod
    def __torch_dispatch__(cls, *call: Any, **options: Any) -> Any:
        raise _Touched(str(call[0]))


#: What nobody gets a tensor of: parts of a linear layer, and the accumulation itself.
_INNER = frozenset({"TBackward0", "UnsafeViewBackward0", "AccumulateGrad"})


def retains_grad(nodes: Iterable[Node]) -> bool:
    """Return whether `retain_grad` was called on what one of the nodes gave.

    The engine hands a node that is asked for and does not lead further its gradient without running it;
    `retain_grad` then copies it. Call this only where no other hook can be.
    """
    run = torch.autograd.Variable._execution_engine.run_backward
    made: dict[object, Tensor] = {}
    for node in nodes:
        if type(node).__name__ in _INNER:
            continue
        for number, output in enumerate(node._input_metadata):
            kind = tuple(output.shape), output.dtype, output.device
            grad = made.get(kind)
            if grad is None:
                grad = made[kind] = _Untouchable(output)
            edge = (GradientEdge(node, number),)
            try:
                run(edge, (grad,), True, False, edge, True, accumulate_grad=False)
            except _Touched:
                return True
    return False
