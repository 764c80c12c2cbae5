"""Backward steps of normalisation and convolution nodes for K gradients at once; see `_backward_context`."""

from __future__ import annotations

from torch import Tensor

from cotrain.gradients.graph._task_graph import Node
from cotrain.gradients.rules._backward_context import BackwardContext, Emit, Grads
from cotrain.gradients.rules._convolution_term import ConvTerm
from cotrain.gradients.rules._gramian_terms import BiasTerm


def layer_norm(node: Node, grads: Grads, uses: BackwardContext, emit: Emit) -> Grads | None:
    """x̂·w + b with x̂ = (x − mean)/std over the last axes."""
    grad = grads[0]
    if grad is None:
        return None
    normal = (node._saved_input.detach() - node._saved_result1) * node._saved_result2
    n_last = len(node._saved_normalized_shape)
    along = grad * normal
    if not _emit_affine(node, uses, emit, _as_rows(along, n_last), _as_rows(grad, n_last)):
        return None
    result: Grads = [None] * 3
    if uses.goes_on(node, 0):
        weight = node._saved_weight
        if weight is not None:
            grad, along = grad * weight.detach(), along * weight.detach()
        last = tuple(range(grad.ndim - n_last, grad.ndim))
        grad = grad - grad.mean(last, keepdim=True) - normal * along.mean(last, keepdim=True)
        result[0] = grad * node._saved_result2
    return result


def batch_norm(node: Node, grads: Grads, uses: BackwardContext, emit: Emit) -> Grads | None:
    """x̂·w + b with x̂ normalised over rows and positions; in training it mixes the rows of a batch."""
    grad = grads[0]
    if grad is None:
        return None
    inputs = node._saved_input.detach()
    per_channel = (-1, *[1] * (inputs.ndim - 2))
    if node._saved_training:
        mean, inverse_std = node._saved_result1, node._saved_result2
    else:
        mean = node._saved_running_mean
        inverse_std = (node._saved_running_var + node._saved_eps).rsqrt()
    normal = (inputs - mean.view(per_channel)) * inverse_std.view(per_channel)
    along = grad * normal
    sums_KBC, along_KBC = [v.flatten(3).sum(3) if v.ndim > 3 else v for v in (grad, along)]
    if not _emit_affine(node, uses, emit, along_KBC, sums_KBC):
        return None
    result: Grads = [None] * 3
    if uses.goes_on(node, 0):
        if node._saved_training:
            n_rows = inputs.numel() // inputs.shape[1]
            wide = (len(grad), 1, *per_channel)
            means, alongs = sums_KBC.sum(1) / n_rows, along_KBC.sum(1) / n_rows
            grad = grad - means.view(wide) - normal * alongs.view(wide)
        weight = node._saved_weight
        factor_C = inverse_std if weight is None else inverse_std * weight.detach()
        result[0] = grad * factor_C.view(per_channel)
    return result


def convolution(node: Node, grads: Grads, uses: BackwardContext, emit: Emit) -> Grads | None:
    """A convolution; the K gradients become K times as many rows."""
    grad = grads[0]
    weight = uses.parameter(node, 1) if uses.children[node][1][0] is not None else None
    if grad is None or (weight is None and uses.children[node][1][0] is not None):
        return None
    if len(uses.children[node]) > 2 and uses.children[node][2][0] is not None:
        bias = uses.parameter(node, 2)
        if bias is None:
            return None
        emit(BiasTerm(bias[0], grad.flatten(3).sum(3) if grad.ndim > 3 else grad))
    term = ConvTerm.of_node(weight[0] if weight else node._saved_weight, node, grad)
    if weight is not None:
        emit(term)
    result: Grads = [None] * len(uses.children[node])
    if uses.goes_on(node, 0):
        result[0] = term.to_inputs()
    return result


def _as_rows(values: Tensor, n_last: int) -> Tensor:
    """Return [K, R, *last]."""
    return values.reshape(values.shape[0], -1, *values.shape[values.ndim - n_last :])


def _emit_affine(
    node: Node, uses: BackwardContext, emit: Emit, weight_grads: Tensor, bias_grads: Tensor
) -> bool:
    """Emit the terms of weight and bias, gradients by rows; say whether both are parameters."""
    found = []
    for place, grads_KR in ((1, weight_grads), (2, bias_grads)):
        if uses.children[node][place][0] is None:
            continue
        parameter = uses.parameter(node, place)
        if parameter is None:
            return False
        found.append(BiasTerm(parameter[0], grads_KR))
    for term in found:
        emit(term)
    return True
