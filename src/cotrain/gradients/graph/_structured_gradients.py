"""What one task sends into one entrance of the shared part, in as few numbers as it takes.

Shapes: B rows, O outputs of the task's first own layer, N picked rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import torch
from torch import Tensor


class StructuredGradient(ABC):
    """The gradient of one task at one entrance.

    Args:
        shape: of the gradient.
        like: a tensor of its type, beside it.
    """

    def __init__(self, shape: tuple[int, ...], like: Tensor) -> None:
        self.shape = shape
        self.like = like

    @abstractmethod
    def write(self, out: Tensor) -> None:
        """Write the gradient into an array."""

    @abstractmethod
    def add_to(self, total: Tensor) -> None:
        """Add the gradient to an array."""

    @abstractmethod
    def touched_B1(self) -> Tensor:
        """Return a column that is 0 for rows that are 0 throughout, and is not for others."""

    def whole(self) -> Tensor:
        """Return the gradient as an array."""
        out = self.like.new_empty(self.shape)
        self.write(out)
        return out


class DenseGradient(StructuredGradient):
    """The gradient as an array."""

    def __init__(self, grad: Tensor) -> None:
        super().__init__(tuple(grad.shape), grad)
        self.grad = grad

    def write(self, out: Tensor) -> None:
        """Copy it."""
        out.copy_(self.grad)

    def add_to(self, total: Tensor) -> None:
        """Add it."""
        total.add_(self.grad)

    def touched_B1(self) -> Tensor:
        """Look at every entry: the largest one of a row is NaN where any is."""
        return self.grad.reshape(len(self.grad), -1).abs().amax(1, keepdim=True)

    def whole(self) -> Tensor:
        """Return it."""
        return self.grad


class LowRankGradient(StructuredGradient):
    """The gradient that a linear layer hands on, δW, before it is multiplied.

    Args:
        deltas_BO: the gradient of the layer's output.
        matrix_OD: W.
    """

    def __init__(self, deltas_BO: Tensor, matrix_OD: Tensor) -> None:
        super().__init__((len(deltas_BO), matrix_OD.shape[1]), deltas_BO)
        self.deltas_BO = deltas_BO
        self.matrix_OD = matrix_OD

    def write(self, out: Tensor) -> None:
        """Multiply."""
        torch.mm(self.deltas_BO, self.matrix_OD, out=out)

    def add_to(self, total: Tensor) -> None:
        """Multiply and add."""
        total.addmm_(self.deltas_BO, self.matrix_OD)

    def touched_B1(self) -> Tensor:
        """Look at the rows of δ."""
        return self.deltas_BO if self.deltas_BO.shape[1] == 1 else self.deltas_BO.abs().amax(1, keepdim=True)


class RowSparseGradient(StructuredGradient):
    """The gradient of some of the rows, those that a task has picked from the batch; 0 elsewhere.

    Args:
        rows_N: their numbers.
        grads_N: their gradients, [N, ...].
        n_rows: B.
    """

    def __init__(self, rows_N: Tensor, grads_N: Tensor, n_rows: int) -> None:
        super().__init__((n_rows, *grads_N.shape[1:]), grads_N)
        self.rows_N = rows_N
        self.grads_N = grads_N

    def write(self, out: Tensor) -> None:
        """Put the rows into zeros."""
        self.add_to(out.zero_())

    def add_to(self, total: Tensor) -> None:
        """Add the rows, one that was picked twice twice."""
        total.index_add_(0, self.rows_N, self.grads_N)

    def touched_B1(self) -> Tensor:
        """Return the picked rows, whatever is in them."""
        return self.grads_N.new_zeros(self.shape[0], 1).index_fill_(0, self.rows_N, 1)


class StackedLowRank:
    """What several tasks send into one entrance, all of it products: ΔW with the layers side by side.

    Args:
        parts: by task.
    """

    def __init__(self, parts: Mapping[int, LowRankGradient]) -> None:
        ordered = list(parts.values())
        self.deltas_BO = torch.cat([part.deltas_BO for part in ordered], 1)
        self.matrix_OD = torch.cat([part.matrix_OD for part in ordered])
        #: The task of each output.
        self.owners = [task for task, part in parts.items() for _ in range(len(part.matrix_OD))]

    def cheap(self, n_tasks: int) -> bool:
        """Return whether few outputs make the Gramian cheaper than the K gradients written out."""
        (n_rows, n_out), width = self.deltas_BO.shape, self.matrix_OD.shape[1]
        return n_out**2 * (n_rows + width) < (n_out + n_tasks**2) * n_rows * width

    def total(self) -> Tensor:
        """Return the sum over the tasks."""
        return self.deltas_BO @ self.matrix_OD

    def gramian(self, n_tasks: int) -> Tensor:
        """Return the K×K inner products in float64: (ΔᵀΔ)∘(WWᵀ), summed over each pair of tasks."""
        wide = torch.promote_types(self.deltas_BO.dtype, torch.float32)
        deltas_BO, matrix_OD = self.deltas_BO.to(wide), self.matrix_OD.to(wide)
        products_OO = (deltas_BO.T @ deltas_BO).double() * (matrix_OD @ matrix_OD.T)
        if self.owners == list(range(n_tasks)):
            return products_OO
        owner_O = torch.tensor(self.owners, device=products_OO.device)
        sums_KO = products_OO.new_zeros(n_tasks, len(owner_O)).index_add_(0, owner_O, products_OO)
        return products_OO.new_zeros(n_tasks, n_tasks).index_add_(1, owner_O, sums_KO)

    def combined(self, weights_K: Tensor) -> Tensor:
        """Return the weighted sum, tasks of weight 0 left out, for they may not be finite."""
        weights = weights_K.tolist()
        kept = [number for number, task in enumerate(self.owners) if weights[task]]
        factor_O = self.deltas_BO.new_tensor([weights[self.owners[number]] for number in kept])
        if len(kept) == len(self.owners):
            return (self.deltas_BO * factor_O) @ self.matrix_OD
        return (self.deltas_BO[:, kept] * factor_O) @ self.matrix_OD[kept]


def stack_low_rank(parts: Mapping[int, StructuredGradient]) -> StackedLowRank | None:
    """Put products side by side if there is nothing else."""
    products = {task: part for task, part in sorted(parts.items()) if isinstance(part, LowRankGradient)}
    return StackedLowRank(products) if len(products) == len(parts) else None


def total_of(parts: Mapping[int, StructuredGradient]) -> Tensor:
    """Return the sum of what several tasks send into one entrance."""
    products = stack_low_rank(parts)
    if products is not None:
        return products.total()
    first = next(iter(parts.values()))
    total = first.like.new_zeros(first.shape)
    for part in parts.values():
        part.add_to(total)
    return total
