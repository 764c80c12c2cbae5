"""A convolution's weight in the Gramian."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from cotrain.gradients._graph import Node
from cotrain.gradients._terms import Term, inner, weighted


class ConvTerm(Term):
    """A convolution's weight: the K gradients themselves, or through rows where those are few.

    With few positions (a small map late in a network) the inputs are unfolded to R = B·S rows and treated
    as those of a linear layer; otherwise one weight gradient per task is cheaper.

    Args:
        parameter: the weight.
        node: the convolution's autograd node.
        deltas: gradients of the output, [K, B, O, ...].
    """

    def __init__(self, parameter: Tensor, node: Node, deltas: Tensor) -> None:
        super().__init__(parameter)
        self.inputs = node._saved_input.detach()
        self.weight = node._saved_weight.detach()
        self.deltas = deltas
        self._settings = (
            node._saved_stride,
            node._saved_padding,
            node._saved_dilation,
            node._saved_transposed,
            node._saved_output_padding,
            node._saved_groups,
        )

    def gramian(self) -> Tensor:
        """Return the inner products."""
        return self._ghost() if self._few_rows() else inner(self.rows())

    def rows(self) -> Tensor:
        """Return one weight gradient per task."""
        return torch.stack([self._weight_grad(delta) for delta in self.deltas])

    def combined(self, weights_K: Tensor) -> Tensor:
        """Return the weight gradient of the weighted δ."""
        return self._weight_grad(weighted(weights_K, self.deltas))

    def to_inputs(self) -> Tensor:
        """Return the gradients of the input, [K, B, I, ...], from one pass over K·B rows."""
        n_tasks, n_rows = self.deltas.shape[:2]
        rows = self.deltas.flatten(0, 1)
        # Only the shape of the inputs is read for this gradient.
        inputs = self.inputs.new_empty(1).expand(n_tasks * n_rows, *self.inputs.shape[1:])
        result = self._backward(rows, inputs, (True, False, False))[0]
        return result.view(n_tasks, n_rows, *self.inputs.shape[1:])

    def _weight_grad(self, delta: Tensor) -> Tensor:
        return self._backward(delta, self.inputs, (False, True, False))[1]

    def _backward(self, delta: Tensor, inputs: Tensor, mask: tuple[bool, bool, bool]) -> tuple[Tensor, ...]:
        return torch.ops.aten.convolution_backward(
            delta, inputs, self.weight, None, *self._settings, list(mask)
        )

    def _few_rows(self) -> bool:
        stride, _, _, transposed, _, groups = self._settings
        if transposed or groups != 1 or len(stride) != 2:
            return False
        n_rows = self.deltas[0].numel() // self.deltas.shape[2]
        n_in = self.weight[0].numel()
        return n_rows * (n_in + len(self.deltas) * self.weight.shape[0]) < (
            len(self.deltas) * n_in * self.weight.shape[0]
        )

    def _ghost(self) -> Tensor:
        stride, padding, dilation = self._settings[:3]
        unfolded = functional.unfold(
            self.inputs, self.weight.shape[2:], dilation=dilation, padding=padding, stride=stride
        )
        inputs_RI = unfolded.transpose(1, 2).reshape(-1, unfolded.shape[1])
        deltas_KRO = self.deltas.flatten(3).transpose(2, 3).flatten(1, 2)
        return inner(deltas_KRO, (inputs_RI @ inputs_RI.T) @ deltas_KRO)
