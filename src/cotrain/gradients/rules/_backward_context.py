"""What the rules of single nodes are given, whichever node they are for.

A rule takes a node and, per output of the node, gradients [K, *shape]; it returns, per input, gradients
[K, *shape] or `None`, and emits a term where a parameter is used.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from cotrain.gradients.graph._task_graph import Node
from cotrain.gradients.rules._buffer_pool import BufferPool
from cotrain.gradients.rules._gramian_terms import Term
from cotrain.gradients.rules._row_sparsity import RowSparsity

#: Per input or output of a node, the K gradients or `None`.
Grads = list[Tensor | None]
#: Takes the term of a parameter that a node uses.
Emit = Callable[[Term], None]
#: The backward step of a kind of node; `None`: the node is not of the form that the rule knows.
Rule = Callable[[Node, Grads, "BackwardContext", Emit], Grads | None]


class BackwardContext:
    """Which parameter, if any, a node reads over one of its inputs.

    Args:
        leaves: shared parameters by their AccumulateGrad node.
        children: of every node.
        workspace: memory for what the rules make.
        wanted: nodes that lead to a parameter that is asked for; `None`: all do.
        kept: the rows that may differ from 0; `None`: all.
    """

    def __init__(
        self,
        leaves: dict[Node, Tensor],
        children: dict[Node, tuple[tuple[Node, int], ...]],
        workspace: BufferPool,
        wanted: set[Node] | None = None,
        kept: RowSparsity | None = None,
    ) -> None:
        self.leaves = leaves
        self.children = children
        self.workspace = workspace
        self.kept = kept
        self._wanted = wanted
        # By the id of a gradient: that gradient, so that the id cannot be given to another, and the result.
        self._rectified: dict[int, tuple[Tensor, Tensor]] = {}

    def note_rectified(self, grad: Tensor, result: Tensor) -> None:
        """Note that a gradient is 0 where a ReLU's result is."""
        self._rectified[id(grad)] = grad, result

    def result_of_relu(self, grad: Tensor) -> Tensor | None:
        """Return the result of the ReLU through which a gradient has just come."""
        return self._rectified.get(id(grad), (None, None))[1]

    def goes_on(self, node: Node, place: int) -> bool:
        """Return whether gradient is needed beyond this input."""
        child = self.children[node][place][0]
        return child is not None and (self._wanted is None or child in self._wanted)

    def parameter(self, node: Node, place: int) -> tuple[Tensor, bool] | None:
        """Return (parameter, whether it is read transposed), looking through casts and a transpose."""
        child = self.children[node][place][0]
        transposed = False
        while child is not None:
            if child in self.leaves:
                return self.leaves[child], transposed
            name = child.name()
            if name == "TBackward0":
                transposed = not transposed
            elif name != "ToCopyBackward0":
                return None
            child = self.children[child][0][0]
        return None
