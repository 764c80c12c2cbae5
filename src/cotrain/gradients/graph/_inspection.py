"""Whether the nodes of a graph may be run one at a time, K gradients together."""

from __future__ import annotations

import torch

from cotrain._base import InvalidArgumentError
from cotrain.gradients.graph._hooks import hook_watch, hooks_on, retains_grad
from cotrain.gradients.graph._task_graph import SHARED, Node, TaskGraph

#: Why a graph that `watched` has found goes to the exact passes.
RETAINED = "retain_grad asks for gradients inside the shared part"


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
        if any(map(_packed, graph.shared_nodes)):
            return "saved tensors are packed, as by checkpointing"
        if any(map(_rarely_sparse, graph.shared_nodes)):
            return "an embedding has sparse gradients in a rare way"
        return RETAINED if look_inside and watched(graph) else None


def watched(graph: TaskGraph) -> bool:
    """Return whether `retain_grad` asks for the gradient of something in the shared part.

    Only for graphs without obstacles, and only where nodes are going to be run one at a time.
    """
    return retains_grad(graph.shared_nodes)


#: The names under which a type of nodes keeps its saved tensors.
_SAVED: dict[type, tuple[str, ...]] = {}


def _packed(node: Node) -> bool:
    kind = type(node)
    names = _SAVED.get(kind)
    if names is None:
        names = _SAVED[kind] = tuple(name for name in dir(kind) if name.startswith("_raw_saved_"))
    for name in names:
        saved = getattr(node, name)
        for one in saved if isinstance(saved, tuple) else (saved,):
            if getattr(one, "unpack_hook", None) is not None:
                return True
    return False


def _rarely_sparse(node: Node) -> bool:
    kind = type(node).__name__
    if kind == "EmbeddingBackward0":
        return node._saved_sparse and node._saved_scale_grad_by_freq
    return kind == "EmbeddingBagBackward0" and (
        node._saved_sparse and node._saved_per_sample_weights is not None
    )
