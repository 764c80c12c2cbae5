"""Where the rows of the batch lie in every tensor of a graph, from its outputs to its inputs.

In row-major order the entry number f of a tensor belongs to row (f // s) mod B of the batch, with s the
stride of its rows: [B, D] has s = D, [S, B, D] too, [B·S, D] has s = S·D. A view keeps s, a transposition
does not.
Where a node keeps the rows apart, the gradient of a row of its inputs comes from the gradient of that row of
its output alone.

Shapes: B rows of the batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from cotrain.gradients.graph._task_graph import Edge, Node, TaskGraph
from cotrain.gradients.rules._backward_context import BackwardContext
from cotrain.gradients.rules._buffer_pool import BufferPool
from cotrain.gradients.rules._linear_and_elementwise import ELEMENTWISE, RESHAPES
from cotrain.gradients.rules._recurrent_layer import FUSED_LSTM, N_PARAMETERS

Shape = tuple[int, ...]


#: The input is the same for all rows: it needs one gradient per task.
FREE = 0

#: Nodes whose output has one entry for each of their input's, a broadcast aside.
_ENTRYWISE = ELEMENTWISE | {
    *("AddBackward0", "AddBackward1", "AddcmulBackward0", "AliasBackward0", "ClampBackward0"),
    *("ClampBackward1", "CosBackward0", "DivBackward1", "DivBackward2", "ErfBackward0"),
    *("ExpandBackward0", "GeluBackward0", "LerpBackward0", "Log1PBackward0"),
    *("LogSigmoidBackward0", "MaskedFillBackward0", "MaximumBackward0", "MinimumBackward0"),
    *("MulBackward1", "NativeDropoutBackward0", "PowBackward0", "PowBackward1"),
    *("ReciprocalBackward0", "RsqrtBackward0", "RsubBackward1", "SinBackward0"),
    *("SoftplusBackward0", "SquareBackward0", "SubBackward0", "SubBackward1"),
    *("ToCopyBackward0", "WhereBackward0"),
}


class RowsMixed(Exception):
    """A node may mix the rows of the batch."""


@dataclass(frozen=True)
class Rows:
    """Rows of the batch along one axis of a tensor: its index is (outer · B + row) · inner + rest.

    Args:
        axis: the axis.
        inner: how many neighbours belong to one row.
    """

    axis: int
    inner: int

    def stride_in(self, shape: Shape, axis: int | None = None) -> int:
        """Return s for the same rows along an axis of another tensor."""
        axis = self.axis if axis is None else axis
        return self.inner * math.prod(shape[axis + 1 :])


def rows_of(shape: Shape, stride: int, n_rows: int) -> Rows:
    """Return the axis along which rows of a stride lie.

    Raises:
        RowsMixed: if there is none.
    """
    behind = 1
    for axis in reversed(range(len(shape))):
        inner = stride // behind
        if stride % behind == 0 and inner and shape[axis] % (n_rows * inner) == 0:
            return Rows(axis, inner)
        behind *= shape[axis]
    raise RowsMixed


def _dim(number: int, n_axes: int) -> int:
    return (number - 2**64 if number >= 2**63 else number) % n_axes


def _dims(node: Node, n_axes: int) -> list[int]:
    dims = node._saved_dim
    return [_dim(dim, n_axes) for dim in (dims if isinstance(dims, tuple) else (dims,))]


#: A rule returns the stride of each input, `FREE`, or `None` where no gradient goes.
Strides = Sequence[int | None]
Rule = Callable[[Node, Shape, Rows, Sequence[Shape | None]], Strides]


def _entrywise(node: Node, shape: Shape, rows: Rows, inputs: Sequence[Shape | None]) -> Strides:
    found: list[int | None] = []
    for wanted in inputs:
        if wanted is None:
            found.append(None)
            continue
        axis = rows.axis - (len(shape) - len(wanted))
        if axis < 0 or wanted[axis] != shape[rows.axis]:
            found.append(FREE)
        else:
            found.append(rows.stride_in(wanted, axis))
    return found


def _reshaped(node: Node, shape: Shape, rows: Rows, inputs: Sequence[Shape | None]) -> Strides:
    return [rows.stride_in(shape)]


def _transposed(node: Node, shape: Shape, rows: Rows, inputs: Sequence[Shape | None]) -> Strides:
    n_axes = len(shape)
    if node.name() == "PermuteBackward0":
        axis = _dim(node._saved_dims[rows.axis], n_axes)
    else:
        pair = (0, 1) if node.name() == "TBackward0" else (node._saved_dim0, node._saved_dim1)
        swapped = [_dim(dim, n_axes) for dim in pair]
        axis = swapped[1 - swapped.index(rows.axis)] if rows.axis in swapped else rows.axis
    return [None if wanted is None else rows.stride_in(wanted, axis) for wanted in inputs]


def _along_others(node: Node, shape: Shape, rows: Rows, inputs: Sequence[Shape | None]) -> Strides:
    """Work along axes that are not that of the rows: softmax, slices, sums, concatenation and the like."""
    found: list[int | None] = []
    for wanted in inputs:
        if wanted is None:
            found.append(None)
            continue
        gone = len(wanted) - len(shape)
        dims = _dims(node, max(len(wanted), len(shape)))
        if gone > 0:  # the node has left out axes
            kept = [axis for axis in range(len(wanted)) if axis not in dims]
            axis = kept[rows.axis]
        else:
            axis = rows.axis
            if axis in dims and (gone < 0 or node.name() != "SliceBackward0" or wanted[axis] != shape[axis]):
                raise RowsMixed
            axis -= 0 if gone == 0 else sum(dim < axis for dim in dims)  # it has put in an axis
        if wanted[axis] != shape[rows.axis]:
            raise RowsMixed
        found.append(rows.stride_in(wanted, axis))
    return found


def _leading(n_behind: int) -> Rule:
    """Keep apart what lies along one of the axes before the last `n_behind`, the same in every input."""

    def rule(node: Node, shape: Shape, rows: Rows, inputs: Sequence[Shape | None]) -> Strides:
        found: list[int | None] = []
        for wanted in inputs:
            if wanted is not None and (
                rows.axis >= len(shape) - n_behind or wanted[rows.axis] != shape[rows.axis]
            ):
                raise RowsMixed
            found.append(None if wanted is None else rows.stride_in(wanted))
        return found

    return rule


def _first(node: Node, shape: Shape, rows: Rows, inputs: Sequence[Shape | None]) -> Strides:
    """A layer whose first input has the rows along its first axis, and whose others are parameters."""
    if rows.axis or inputs[0] is None or inputs[0][0] != shape[0]:
        if rows.axis or inputs[0] is not None:
            raise RowsMixed
        return [None] * len(inputs)
    return [rows.stride_in(inputs[0]), *[None] * (len(inputs) - 1)]


def _normed(node: Node, shape: Shape, rows: Rows, inputs: Sequence[Shape | None]) -> Strides:
    if rows.axis >= len(shape) - len(node._saved_normalized_shape):
        raise RowsMixed
    return [None if inputs[0] is None else rows.stride_in(inputs[0]), *[None] * (len(inputs) - 1)]


def _looked_up(node: Node, shape: Shape, rows: Rows, inputs: Sequence[Shape | None]) -> Strides:
    if rows.axis == len(shape) - 1:
        raise RowsMixed
    return [None] * len(inputs)


def _recurrent(node: Node, shape: Shape, rows: Rows, inputs: Sequence[Shape | None]) -> Strides:
    if rows.axis != len(shape) - 2 or rows.inner != 1:
        raise RowsMixed
    found: list[int | None] = []
    for place, wanted in enumerate(inputs):
        parameter = 0 < place <= N_PARAMETERS
        found.append(
            None if wanted is None else FREE if parameter else rows.stride_in(wanted, len(wanted) - 2)
        )
    return found


_RULES: dict[str, Rule] = {
    **dict.fromkeys(_ENTRYWISE, _entrywise),
    **dict.fromkeys(RESHAPES | {"SqueezeBackward0", "ViewBackward0"}, _reshaped),
    **dict.fromkeys(
        ("PermuteBackward0", "TransposeBackward0", "TransposeBackward1", "TBackward0"), _transposed
    ),
    **dict.fromkeys(
        (
            *("SelectBackward0", "SliceBackward0", "SumBackward1", "MeanBackward1", "SoftmaxBackward0"),
            *("LogSoftmaxBackward0", "CatBackward0", "StackBackward0", "SplitBackward0", "AmaxBackward0"),
            *("SplitWithSizesBackward0", "UnsafeSplitBackward0", "UnbindBackward0", "LogsumexpBackward0"),
            *(
                "AminBackward0",
                "CumsumBackward0",
                "MaxBackward0",
                "MinBackward0",
                "GatherBackward0",
            ),
        ),
        _along_others,
    ),
    **dict.fromkeys(("ScaledDotProductFlashAttentionForCpuBackward0", "BmmBackward0"), _leading(2)),
    **dict.fromkeys(
        (
            *("MaxPool2DWithIndicesBackward0", "AvgPool2DBackward0", "AdaptiveAvgPool2DBackward0"),
            *("ConvolutionBackward0", "UpsampleNearest2DBackward0", "UpsampleBilinear2DBackward0"),
            *("NativeBatchNormBackward0", "PixelShuffleBackward0"),
        ),
        _first,
    ),
    "NativeLayerNormBackward0": _normed,
    "EmbeddingBackward0": _looked_up,
    "EmbeddingBagBackward0": _looked_up,
    FUSED_LSTM: _recurrent,
}


@dataclass
class RowPlan:
    """Which nodes are run on one gradient whose rows belong to tasks, and which on K gradients.

    Args:
        n_rows: B.
        strides: of every edge into the first kind.
        free: edges from the first kind into the second.
        free_nodes: the second kind.
    """

    n_rows: int
    strides: dict[Edge, int] = field(default_factory=dict)
    free: set[Edge] = field(default_factory=set)
    free_nodes: set[Node] = field(default_factory=set)

    def meet(self, edge: Edge, stride: int) -> None:
        """Note how the rows lie in what goes over an edge.

        Raises:
            RowsMixed: if they lie otherwise in what another node sends there.
        """
        if stride == FREE:
            self.free.add(edge)
            self.free_nodes.add(edge[0])
        elif self.strides.setdefault(edge, stride) != stride:
            raise RowsMixed


def plan_rows(
    graph: TaskGraph, order: Sequence[Node], entering: Mapping[Edge, Shape], n_rows: int
) -> RowPlan | str:
    """Follow the rows through a graph, or return the name of a node that may mix them.

    Args:
        graph: of the losses.
        order: the nodes below the entrances, each before what it hands gradient to.
        entering: shape of what enters, by entrance; its first axis are the rows.
        n_rows: B.
    """
    plan = RowPlan(n_rows)
    context = BackwardContext(graph.leaves, graph.children, BufferPool())
    for edge, shape in entering.items():
        plan.strides[edge] = math.prod(shape[1:])
    for node in order:
        try:
            _plan_node(node, graph, plan, context)
        except RowsMixed:
            return node.name()
    return plan


def _plan_node(node: Node, graph: TaskGraph, plan: RowPlan, context: BackwardContext) -> None:
    children = graph.children[node]
    metadata = () if node in graph.leaves else node._input_metadata
    by_row = [number for number in range(len(metadata)) if (node, number) in plan.strides]
    by_task = node in plan.free_nodes
    if not by_row:
        if (node, 0) in plan.strides:
            raise RowsMixed  # a parameter that has the shape of the batch
        if by_task:
            plan.free_nodes.update(child for child, _ in children if child is not None)
        return
    if by_task or metadata[by_row[0]].dtype.is_complex:
        raise RowsMixed
    inputs = [_shape(graph, edge) for edge in children]
    for number in by_row:
        shape = tuple(metadata[number].shape)
        rows = rows_of(shape, plan.strides[node, number], plan.n_rows)
        for edge, stride in zip(children, _strides(node, shape, rows, inputs, context), strict=True):
            if stride is not None:
                plan.meet(edge, stride)


def _strides(
    node: Node, shape: Shape, rows: Rows, inputs: Sequence[Shape | None], context: BackwardContext
) -> Strides:
    name = node.name()
    if name in ("AddmmBackward0", "MmBackward0"):
        return _product(node, rows, inputs, context)
    if name == "NativeBatchNormBackward0" and node._saved_training:
        raise RowsMixed
    rule = _RULES.get(name)
    if rule is None:
        raise RowsMixed
    if rule in (_first, _normed, _looked_up) and len(inputs) > 1 and name in _WITH_PARAMETERS:
        for place in range(1, len(inputs)):
            if inputs[place] is not None and context.parameter(node, place) is None:
                raise RowsMixed
    if rule is _looked_up and context.parameter(node, 0) is None:
        raise RowsMixed
    return rule(node, shape, rows, inputs)


_WITH_PARAMETERS = ("ConvolutionBackward0", "NativeBatchNormBackward0", "NativeLayerNormBackward0")


def _product(node: Node, rows: Rows, inputs: Sequence[Shape | None], context: BackwardContext) -> Strides:
    """Rows times a matrix; another matrix than a parameter is the same for all rows."""
    with_bias = node.name() == "AddmmBackward0"
    place = 1 if with_bias else 0
    if rows.axis or (with_bias and (node._saved_alpha != 1 or node._saved_beta != 1)):
        raise RowsMixed
    found: list[int | None] = [None] * len(inputs)
    factor = inputs[place]
    if factor is not None:
        found[place] = rows.stride_in(factor)
    for other in [0, 2] if with_bias else [1]:
        if inputs[other] is not None and context.parameter(node, other) is None:
            raise RowsMixed
    return found


def _shape(graph: TaskGraph, edge: tuple[Node | None, int]) -> Shape | None:
    node, number = edge
    if node is None:
        return None
    return tuple((graph.leaves[node] if node in graph.leaves else node._input_metadata[number]).shape)
