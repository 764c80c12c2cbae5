"""Backward steps of single autograd nodes for K gradients at once.

See `_backward_context` for what a rule takes and returns. Shapes: K tasks, R rows.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from cotrain.gradients.graph._task_graph import Node
from cotrain.gradients.rules._backward_context import BackwardContext, Emit, Grads
from cotrain.gradients.rules._gramian_terms import BiasTerm, EmbeddingTerm
from cotrain.gradients.rules._linear_term import LinearTerm
from cotrain.gradients.rules._relu_sparsity import active_units, multiply_active
from cotrain.gradients.rules._row_sparsity import PackedRows

#: Nodes whose backward step multiplies entry by entry, so that a leading K broadcasts.
ELEMENTWISE = frozenset(
    {
        "AbsBackward0",
        "CloneBackward0",
        "DivBackward0",
        "EluBackward0",
        "ExpBackward0",
        "HardsigmoidBackward0",
        "HardswishBackward0",
        "HardtanhBackward0",
        "LeakyReluBackward0",
        "LogBackward0",
        "MishBackward0",
        "MulBackward0",
        "NegBackward0",
        "ReluBackward0",
        "SigmoidBackward0",
        "SiluBackward0",
        "SoftplusBackward0",
        "SqrtBackward0",
        "TanhBackward0",
        "ThresholdBackward0",
    }
)
#: Nodes that only give the same numbers another shape, in the same order.
RESHAPES = frozenset(
    {
        "ViewBackward0",
        "UnsafeViewBackward0",
        "UnsqueezeBackward0",
        "SqueezeBackward1",
        "ReshapeAliasBackward0",
    }
)


def linear(node: Node, grads: Grads, uses: BackwardContext, emit: Emit) -> Grads | None:
    """Multiply rows by a matrix, x @ W (+ b); W is a parameter, perhaps transposed, or a plain tensor."""
    grad_KRO = grads[0]
    with_bias = node.name() == "AddmmBackward0"
    if grad_KRO is None or (with_bias and (node._saved_alpha != 1 or node._saved_beta != 1)):
        return None
    place = 1 if with_bias else 0
    children = uses.children[node]
    weight = uses.parameter(node, place + 1) if children[place + 1][0] is not None else None
    if weight is None and children[place + 1][0] is not None:
        return None  # the second factor is computed from parameters
    result: Grads = [None] * len(children)
    beside = None
    if with_bias and children[0][0] is not None:
        bias = uses.parameter(node, 0)
        if bias is None or bias[0].shape != grad_KRO.shape[2:]:
            return None
        beside = BiasTerm(bias[0], grad_KRO)
        emit(beside)
    packed = None
    if uses.kept is not None:
        packed = uses.kept.pack(grad_KRO, _width(node), uses.workspace)
    if weight is not None:
        inputs_RI = (node._saved_mat1 if with_bias else node._saved_self).detach()
        term = LinearTerm(weight[0], inputs_RI, grad_KRO, uses.workspace, transposed=not weight[1])
        term.packed = packed
        term.beside = beside
        emit(term)
    if uses.goes_on(node, place):
        result[place] = uses.workspace.own(_to_inputs(grad_KRO, node._saved_mat2.detach(), packed, uses))
    return result


def _width(node: Node) -> int:
    """Return how many inputs a product has, from whichever factor it has kept."""
    matrix = node._saved_mat2
    if matrix is not None:
        return matrix.shape[0]
    return (node._saved_mat1 if node.name() == "AddmmBackward0" else node._saved_self).shape[1]


def _to_inputs(
    grad_KRO: Tensor, matrix_IO: Tensor, packed: PackedRows | None, uses: BackwardContext
) -> Tensor:
    """Multiply all rows, or those that are kept, or each with its active units."""
    n_in, n_out = matrix_IO.shape
    into_KRI = uses.workspace.take((*grad_KRO.shape[:2], n_in), grad_KRO)
    if packed is None:
        result = uses.result_of_relu(grad_KRO)
        active_RO = None if result is None else active_units(result, len(grad_KRO), matrix_IO.T)
        if active_RO is not None:
            multiply_active(grad_KRO, matrix_IO.T, active_RO, into_KRI)
            return into_KRI
        torch.mm(grad_KRO.reshape(-1, n_out), matrix_IO.T, out=into_KRI.view(-1, n_in))
        return into_KRI
    products_NI = uses.workspace.scratch("kept", (len(packed.deltas_NO), n_in), grad_KRO)
    torch.mm(packed.deltas_NO, matrix_IO.T, out=products_NI)
    into_KRI.zero_().view(-1, n_in).index_copy_(0, packed.numbers_N, products_NI)
    return into_KRI


def embedding(node: Node, grads: Grads, uses: BackwardContext, emit: Emit) -> Grads | None:
    """Rows of a table by index."""
    grad, table = grads[0], uses.parameter(node, 0)
    if grad is None or table is None or node._saved_scale_grad_by_freq:
        return None
    indices_N = node._saved_indices.flatten()
    deltas_KND = grad.reshape(grad.shape[0], indices_N.numel(), -1)
    # A negative padding index (stored unsigned) means that there is none.
    padding = node._saved_padding_idx
    if 0 <= padding < table[0].shape[0]:
        kept = indices_N != padding
        deltas_KND = deltas_KND * kept[:, None]
    else:
        padding = -1
    emit(EmbeddingTerm(table[0], indices_N, deltas_KND, sparse=node._saved_sparse, padding=padding))
    return [None]


def embedding_bag(node: Node, grads: Grads, uses: BackwardContext, emit: Emit) -> Grads | None:
    """Sums or means of rows of a table."""
    grad_KBD, table = grads[0], uses.parameter(node, 0)
    weighted_bags = node._saved_per_sample_weights is not None
    if grad_KBD is None or table is None or weighted_bags or node._saved_mode > 1:
        return None
    indices_N, offsets_B = node._saved_indices, node._saved_offsets
    positions_N = torch.arange(indices_N.numel(), device=indices_N.device)
    bags_N = torch.searchsorted(offsets_B, positions_N, right=True) - 1
    kept_N = torch.ones_like(indices_N, dtype=torch.bool)
    padding = node._saved_padding_idx
    if 0 <= padding < table[0].shape[0]:
        kept_N = indices_N != padding
    else:
        padding = -1
    factor_N = kept_N.to(grad_KBD.dtype)
    if node._saved_mode == 1:
        counts_B = grad_KBD.new_zeros(grad_KBD.shape[1]).index_add_(0, bags_N, factor_N)
        factor_N = factor_N / counts_B.clamp(min=1)[bags_N]
    deltas_KND = grad_KBD[:, bags_N] * factor_N[:, None]
    emit(EmbeddingTerm(table[0], indices_N, deltas_KND, sparse=node._saved_sparse, padding=padding))
    return [None] * len(uses.children[node])


def reshaped(node: Node, grads: Grads, uses: BackwardContext, emit: Emit) -> Grads | None:
    """The same numbers in another shape."""
    grad = grads[0]
    child, number = uses.children[node][0]
    if grad is None or child is None:
        return None
    return [grad.reshape(grad.shape[0], *child._input_metadata[number].shape)]


def elementwise(node: Node, grads: Grads, uses: BackwardContext, emit: Emit) -> Grads | None:
    """Entry by entry: the node itself broadcasts over the K gradients."""
    grad = grads[0]
    return None if grad is None else listed(node(grad))


def rectified(node: Node, grads: Grads, uses: BackwardContext, emit: Emit) -> Grads | None:
    """ReLU: written over what arrives where nobody else reads it."""
    grad = grads[0]
    if grad is None or not uses.workspace.owned(grad):
        return elementwise(node, grads, uses, emit)
    result = node._saved_result.detach()
    torch.ops.aten.threshold_backward.grad_input(grad, result, 0, grad_input=grad)
    uses.note_rectified(grad, result)
    return [grad]


def add(node: Node, grads: Grads, uses: BackwardContext, emit: Emit) -> Grads | None:
    """Sums pass the gradient on (the node scales the second addend)."""
    return elementwise(node, grads, uses, emit)


def one_by_one(node: Node, grads: Grads, n_tasks: int) -> Grads:
    """Run any node once per task."""
    results = [listed(node(*[None if grad is None else grad[k] for grad in grads])) for k in range(n_tasks)]
    return [
        None
        if any(part is None for part in parts)
        else torch.stack([part for part in parts if part is not None])
        for parts in zip(*results, strict=True)
    ]


def listed(result: Any) -> Grads:
    """Return what a node gave as a list."""
    return list(result) if isinstance(result, tuple) else [result]
