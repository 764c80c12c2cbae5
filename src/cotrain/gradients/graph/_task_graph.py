"""The autograd graph of a step: what of it belongs to one task alone, and whether somebody listens inside.

Which nodes belong to whom is `TaskGraph`; whether they may be run one at a time is `GraphInspection`. PyTorch
lists no hooks of a node. But every hook that Python registers takes a number from one counter, and every node
has a number that grows with time: a graph whose nodes are all younger than the last foreign hook has none.
`retain_grad` takes no number; it is found by handing the node a gradient that cannot be copied.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch._C._autograd import _get_sequence_nr
from torch.autograd.graph import GradientEdge
from torch.utils.hooks import RemovableHandle

from cotrain._base import InvalidArgumentError

Node = Any  # torch.autograd.graph.Node; leaves are AccumulateGrad nodes with a `variable`

#: Where a gradient enters: a node and the number of its output.
Edge = tuple[Node, int]
#: Owner of a node that two or more tasks reach.
SHARED = -1
#: Why a graph that `watched` has found goes to the exact passes.
RETAINED = "retain_grad asks for gradients inside the shared part"


class TaskGraph:
    """The autograd graph behind K losses, each node owned by the one task that reaches it or SHARED.

    The walk visits a node at most twice and launches nothing on the device. A loss that is a slice of one
    tensor of losses owns only the slicing: everything behind it is shared.

    Args:
        losses: scalars with a graph behind them.
    """

    def __init__(self, losses: Sequence[Tensor]) -> None:
        self.owner: dict[Node, int] = {}
        #: Children of a node: (node, number of the child's output), in the order of its inputs.
        self.children: dict[Node, tuple[tuple[Node, int], ...]] = {}
        #: Leaf tensors by their AccumulateGrad node.
        self.leaves: dict[Node, Tensor] = {}
        for task, loss in enumerate(losses):
            root = loss.grad_fn
            if root is not None:
                self._claim(root, task)

    def _claim(self, root: Node, task: int) -> None:
        owner, children = self.owner, self.children
        stack = [root]
        while stack:
            node = stack.pop()
            held = owner.get(node)
            if held in (task, SHARED):
                continue
            if held is None:
                owner[node] = task
                edges = node.next_functions
                children[node] = edges
                if not edges:
                    variable = getattr(node, "variable", None)
                    if variable is not None:
                        self.leaves[node] = variable
            else:
                owner[node] = SHARED
                edges = children[node]
            for child, _ in edges:
                if child is not None:
                    state = owner.get(child)
                    if state != task and state != SHARED:
                        stack.append(child)

    @functools.cached_property
    def kinds(self) -> set[type]:
        """The types of the nodes, few even where the nodes are many."""
        return {type(node) for node in self.owner}

    @functools.cached_property
    def shared_nodes(self) -> list[Node]:
        """The nodes that several tasks reach."""
        return [node for node, task in self.owner.items() if task == SHARED]

    def crossings(self, *, with_own_leaves: bool = True) -> list[tuple[Node, int, tuple[int, ...]]]:
        """Return (node, owner, places) where a node of one task hands gradient to a shared node or a leaf.

        `places` are the inputs of the node over which it does so.

        Args:
            with_own_leaves: also where it hands gradient to a leaf that the task alone reaches.
        """
        owner, leaves = self.owner, self.leaves
        found = []
        for node, edges in self.children.items():
            task = owner[node]
            if task == SHARED:
                continue
            places: list[int] = []
            for place, (child, _) in enumerate(edges):
                if child is not None and (owner[child] == SHARED or (with_own_leaves and child in leaves)):
                    places.append(place)
            if places:
                found.append((node, task, tuple(places)))
        return found

    def leaves_of(self, task: int) -> list[Tensor]:
        """Return the leaves that this task alone reaches, and all that several tasks reach."""
        return [leaf for node, leaf in self.leaves.items() if self.owner[node] in (task, SHARED)]


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


class GraphInspection:
    """Looks at the graph of each step before a source walks it; kept from step to step.

    A source that runs nodes itself leaves out what the engine does besides: it calls no hooks, it unpacks
    saved tensors at each look, and it cannot run functions written in Python.
    """

    def __init__(self) -> None:
        hook_watch.renew()
        self._handles: int | None = None

    def refuse(self, graph: TaskGraph) -> None:
        """Say so where `torch.autograd.grad` cannot give what `backward` gives.

        Raises:
            InvalidArgumentError: for reentrant checkpointing, and for hooks on the nodes that accumulate.
        """
        if any(kind.__name__ == "CheckpointFunctionBackward" for kind in graph.kinds):
            raise InvalidArgumentError(
                "A part of the network is checkpointed with use_reentrant=True, where PyTorch gives no "
                "gradients of single tasks: pass use_reentrant=False to torch.utils.checkpoint."
            )
        if self._handles == hook_watch.handles:
            return
        if any(hooks_on(node) for node in graph.leaves):
            raise InvalidArgumentError(
                "A hook is registered on the node that accumulates a parameter's gradient, which a gradient "
                "method does not run: use parameter.register_post_accumulate_grad_hook."
            )
        self._handles = hook_watch.handles

    def obstacle(
        self, graph: TaskGraph, shared_ids: frozenset[int], *, look_inside: bool = True
    ) -> str | None:
        """Return why the engine has to run the nodes, or `None`.

        Args:
            graph: of the losses.
            shared_ids: ids of the shared parameters.
            look_inside: ask every node for `retain_grad`, too, which takes some microseconds each.
        """
        self.refuse(graph)
        silent = hook_watch.silent(graph)
        if any(issubclass(kind, torch.autograd.function.BackwardCFunction) for kind in graph.kinds):
            return "functions written in Python, or compiled ones"
        if any(graph.owner[node] == SHARED and id(p) not in shared_ids for node, p in graph.leaves.items()):
            return "several tasks reach parameters that are not shared, or the losses are parts of one tensor"
        if not silent or any(leaf._backward_hooks for leaf in graph.leaves.values()):
            return "hooks may be registered on this graph"
        if _packed(graph):
            return "saved tensors are packed, as by checkpointing"
        if _rarely_sparse(graph):
            return "an embedding has sparse gradients in a rare way"
        return RETAINED if look_inside and watched(graph) else None


def watched(graph: TaskGraph) -> bool:
    """Return whether `retain_grad` asks for the gradient of something in the shared part.

    Only for graphs without obstacles, and only where nodes are going to be run one at a time.
    """
    return retains_grad(graph.shared_nodes)


#: The names under which a type of nodes keeps its saved tensors.
_SAVED: dict[type, tuple[str, ...]] = {}


def _packed(graph: TaskGraph) -> bool:
    """Return whether a hook unpacks what a shared node has saved."""
    for node in graph.shared_nodes:
        names = _SAVED.get(type(node))
        if names is None:
            kind = type(node)
            names = _SAVED[kind] = tuple(name for name in dir(kind) if name.startswith("_raw_saved_"))
        for name in names:
            saved = getattr(node, name)
            for one in saved if isinstance(saved, tuple) else (saved,):
                if getattr(one, "unpack_hook", None) is not None:
                    return True
    return False


def _rarely_sparse(graph: TaskGraph) -> bool:
    """Return whether a shared embedding has sparse gradients that no rule knows."""
    if not any(kind.__name__.startswith("Embedding") for kind in graph.kinds):
        return False
    for node in graph.shared_nodes:
        kind = type(node).__name__
        if kind == "EmbeddingBackward0":
            rare = node._saved_sparse and node._saved_scale_grad_by_freq
        else:
            bag = kind == "EmbeddingBagBackward0"
            rare = bag and node._saved_sparse and node._saved_per_sample_weights is not None
        if rare:
            return True
    return False
