"""The backward step of a fused LSTM layer on the rows of one task after another.

The fused layer gives no gradient of a single step, only of its weights over all rows. So each task's rows are
run forward and backward anew, by themselves: the tasks' rows are disjoint, so that together this is one
forward and one backward pass of the layer, whatever K.
"""

from __future__ import annotations

import torch
from torch import Tensor

from cotrain.gradients.graph._task_graph import Node

#: The name of the node.
FUSED_LSTM = "MkldnnRnnLayerBackward0"
#: Its inputs: [S, B, I], four parameters, and the two initial states [B, H].
N_PARAMETERS = 4


def fused_lstm(
    node: Node, grads: list[Tensor | None], owner_B: Tensor, n_tasks: int
) -> tuple[list[Tensor | None], list[Tensor]]:
    """Return the gradients of the inputs, and K gradients of each parameter.

    Args:
        node: of the layer.
        grads: of its outputs.
        owner_B: the task of each row.
        n_tasks: K.
    """
    inputs = [node._saved_input, node._saved_hx_, node._saved_cx_]
    weights = [node._saved_weight0, node._saved_weight1, node._saved_weight2, node._saved_weight3]
    into = [torch.zeros_like(value) for value in inputs]
    per_task = [torch.zeros(n_tasks, *weight.shape, dtype=weight.dtype) for weight in weights]
    for task in range(n_tasks):
        rows = torch.nonzero(owner_B == task).flatten()
        if not len(rows):
            continue
        with torch.enable_grad():
            some = [value.detach().index_select(value.ndim - 2, rows).requires_grad_() for value in inputs]
            own = [weight.detach().requires_grad_() for weight in weights]
            outputs = torch.ops.aten.mkldnn_rnn_layer(
                some[0],
                *own,
                *some[1:],
                node._saved_reverse,
                list(node._saved_batch_sizes),
                node._saved_mode,
                node._saved_hidden_size,
                node._saved_num_layers,
                node._saved_has_biases,
                node._saved_bidirectional,
                node._saved_batch_first,
                True,
            )
        kept = [(out, g) for out, g in zip(outputs[:3], grads, strict=True) if g is not None]
        found = torch.autograd.grad(
            [out for out, _ in kept],
            [*some, *own],
            [grad.index_select(grad.ndim - 2, rows) for _, grad in kept],
            allow_unused=True,
        )
        for total, part in zip(into, found, strict=False):
            if part is not None:
                total.index_copy_(total.ndim - 2, rows, part)
        for total, part in zip(per_task, found[3:], strict=True):
            if part is not None:
                total[task] = part
    return [into[0], *[None] * N_PARAMETERS, *into[1:]], per_task
