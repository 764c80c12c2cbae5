"""Which part of the autograd graph belongs to one task alone, and where it meets the shared part."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

from torch import Tensor

Node = Any  # torch.autograd.graph.Node; leaves are AccumulateGrad nodes with a `variable`

#: Where a gradient enters: a node and the number of its output.
Edge = tuple[Node, int]
#: Owner of a node that two or more tasks reach.
SHARED = -1


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
