"""A convolution's weight in the Gramian."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from cotrain.gradients.graph._task_graph import Node
from cotrain.gradients.rules._gramian_terms import Term, WeightedSum, inner

Settings = tuple[Any, Any, Any, bool, Any, int]


class ConvTerm(Term):
    """A convolution's weight: the K gradients themselves, or through rows where those are few.

    With few positions (a small map late in a network) the inputs are unfolded to R = B·S rows and treated
    as those of a linear layer; otherwise one weight gradient per task is cheaper.

    Args:
        parameter: the weight.
        inputs: [B, I, ...].
        weight: as it was used, perhaps in another type.
        deltas: gradients of the output, [K, B, O, ...].
        settings: stride, padding, dilation, transposed, output padding, groups.
    """

    def __init__(
        self, parameter: Tensor, inputs: Tensor, weight: Tensor, deltas: Tensor, settings: Settings
    ) -> None:
        super().__init__(parameter)
        self.inputs = inputs
        self.weight = weight
        self.deltas = deltas
        self._settings = settings

    @classmethod
    def of_node(cls, parameter: Tensor, node: Node, deltas: Tensor) -> ConvTerm:
        """Make the term of a convolution's autograd node."""
        settings = (
            node._saved_stride,
            node._saved_padding,
            node._saved_dilation,
            node._saved_transposed,
            node._saved_output_padding,
            node._saved_groups,
        )
        return cls(parameter, node._saved_input.detach(), node._saved_weight.detach(), deltas, settings)

    def n_rows(self) -> int:
        """Return B."""
        return self.deltas.shape[1]

    def part(self, rows: Tensor) -> Term:
        """Return the term of some of the rows."""
        return ConvTerm(self.parameter, self.inputs[rows], self.weight, self.deltas[:, rows], self._settings)

    def scaled(self, factor_R: Tensor) -> Term:
        """Return the term with each row of δ multiplied."""
        deltas = self.deltas * factor_R.view(-1, *[1] * (self.deltas.ndim - 2))
        return ConvTerm(self.parameter, self.inputs, self.weight, deltas, self._settings)

    def gramian(self) -> Tensor:
        """Return the inner products."""
        return self._ghost() if self._few_rows() else inner(self.rows())

    def rows(self) -> Tensor:
        """Return one weight gradient per task."""
        return torch.stack([self._weight_grad(delta) for delta in self.deltas])

    def combined(self, weigh: WeightedSum) -> Tensor:
        """Return the weight gradient of the weighted δ."""
        return self._weight_grad(weigh(self.deltas))

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
