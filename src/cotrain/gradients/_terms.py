"""What one use of one parameter adds to the Gramian, and its part of the combined gradient.

Shapes: K tasks, R rows (batch times positions), I inputs and O outputs of a layer.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod

import torch
from torch import Tensor

from cotrain.gradients._workspace import Workspace


def inner(rows: Tensor, others: Tensor | None = None) -> Tensor:
    """Return the K×K inner products of K arrays in float64, multiplied in float32 at least."""
    flat = rows.reshape(rows.shape[0], -1)
    flat = flat.to(torch.promote_types(flat.dtype, torch.float32))
    other = flat if others is None else others.reshape(others.shape[0], -1).to(flat.dtype)
    return (flat @ other.T).double()


class Weighing:
    """Σ wₖ valuesₖ, tasks of weight 0 left out, for they may not be finite; each array is weighed once.

    Args:
        weights_K: the weights.
    """

    def __init__(self, weights_K: Tensor) -> None:
        kept = weights_K != 0
        self._kept = None if bool(kept.all()) else torch.nonzero(kept).flatten()
        self._weights = weights_K if self._kept is None else weights_K[self._kept]
        self._done: dict[int, tuple[Tensor, Tensor]] = {}

    def __call__(self, values: Tensor) -> Tensor:
        """Return the weighted sum over the first axis."""
        held = self._done.get(id(values))
        if held is None:
            rows = values if self._kept is None else values[self._kept.to(values.device)]
            total = self._weights.to(values) @ rows.reshape(rows.shape[0], -1)
            # The array is kept beside its sum, so that its id cannot be given to another.
            held = self._done[id(values)] = (values, total.view(values.shape[1:]))
        return held[1]


class Term(ABC):
    """One use of one parameter.

    Args:
        parameter: the leaf.
    """

    def __init__(self, parameter: Tensor) -> None:
        self.parameter = parameter

    @abstractmethod
    def gramian(self) -> Tensor:
        """Return the K×K inner products of this use's K gradients, float64."""

    @abstractmethod
    def rows(self) -> Tensor:
        """Return the K gradients themselves, [K, *parameter.shape]."""

    @abstractmethod
    def combined(self, weigh: Weighing) -> Tensor:
        """Return Σ wₖ gradientₖ."""

    # A term of one δ whose rows belong to different tasks gives the K gradients by `part`.

    @abstractmethod
    def n_rows(self) -> int:
        """Return R."""

    @abstractmethod
    def part(self, rows: Tensor) -> Term:
        """Return the term of some of the rows."""

    @abstractmethod
    def scaled(self, factor_R: Tensor) -> Term:
        """Return the term with each row of δ multiplied."""

    def gramian_by_rows(self, owner_R: Tensor, n_tasks: int) -> Tensor:
        """Return the K×K inner products of the gradients of the rows that each task owns."""
        return inner(self.rows_by_owner(owner_R, n_tasks))

    def rows_by_owner(self, owner_R: Tensor, n_tasks: int) -> Tensor:
        """Return the K gradients of the rows that each task owns."""
        owned = [torch.nonzero(owner_R == task).flatten() for task in range(n_tasks)]
        return torch.stack([self.part(rows).rows()[0] for rows in owned])


class DirectTerm(Term):
    """K gradients as they are."""

    def __init__(self, parameter: Tensor, grads_K: Tensor) -> None:
        super().__init__(parameter)
        self.grads_K = grads_K

    def n_rows(self) -> int:
        """Return 1: the rows of the batch are summed up already."""
        return 1

    def part(self, rows: Tensor) -> Term:
        """Return itself or nothing."""
        return DirectTerm(self.parameter, self.grads_K * len(rows))

    def scaled(self, factor_R: Tensor) -> Term:
        """Return the multiple."""
        return DirectTerm(self.parameter, self.grads_K * factor_R)

    def gramian(self) -> Tensor:
        """Return their inner products."""
        return inner(self.grads_K)

    def rows(self) -> Tensor:
        """Return them."""
        return self.grads_K

    def combined(self, weigh: Weighing) -> Tensor:
        """Return their weighted sum."""
        return weigh(self.grads_K)


class BiasTerm(Term):
    """A bias added to every row: gradientₖ = Σᵣ δₖᵣ."""

    def __init__(self, parameter: Tensor, deltas_KRO: Tensor) -> None:
        super().__init__(parameter)
        self.deltas_KRO = deltas_KRO

    def n_rows(self) -> int:
        """Return R."""
        return self.deltas_KRO.shape[1]

    def part(self, rows: Tensor) -> Term:
        """Return the term of some of the rows."""
        return BiasTerm(self.parameter, self.deltas_KRO[:, rows])

    def scaled(self, factor_R: Tensor) -> Term:
        """Return the term with each row of δ multiplied."""
        return BiasTerm(
            self.parameter, self.deltas_KRO * factor_R.view(-1, *[1] * (self.deltas_KRO.ndim - 2))
        )

    def gramian(self) -> Tensor:
        """Return their inner products."""
        return inner(self.rows())

    def rows(self) -> Tensor:
        """Return the sums over rows."""
        return self.deltas_KRO.sum(1)

    def rows_by_owner(self, owner_R: Tensor, n_tasks: int) -> Tensor:
        """Return the sums over the rows of each task."""
        deltas = self.deltas_KRO[0]
        return deltas.new_zeros(n_tasks, *deltas.shape[1:]).index_add_(0, owner_R, deltas)

    def combined(self, weigh: Weighing) -> Tensor:
        """Return the weighted sum."""
        return weigh(self.deltas_KRO).sum(0)


class LinearTerm(Term):
    """A matrix applied to every row: gradientₖ = δₖᵀa.

    ⟨δₛᵀa, δₜᵀa⟩ = ⟨δₛ, (aaᵀ) δₜ⟩, which never forms a gradient of the weight; with a bias on the same rows
    aaᵀ + 1 counts both. Where R is large against I·O/(I+O) the gradients themselves are cheaper.

    Args:
        parameter: the weight; O×I as in `torch.nn.Linear`, or I×O if `transposed`.
        inputs_RI: a.
        deltas_KRO: δ.
        workspace: memory for intermediate results.
        transposed: whether the parameter is stored I×O.
    """

    def __init__(
        self,
        parameter: Tensor,
        inputs_RI: Tensor,
        deltas_KRO: Tensor,
        workspace: Workspace,
        transposed: bool = False,
    ) -> None:
        super().__init__(parameter)
        self.inputs_RI = inputs_RI
        self.deltas_KRO = deltas_KRO
        self.workspace = workspace
        self.transposed = transposed
        #: The bias whose gradient comes from the same δ, if it may be counted here.
        self.bias: BiasTerm | None = None

    def n_rows(self) -> int:
        """Return R."""
        return self.deltas_KRO.shape[1]

    def part(self, rows: Tensor) -> Term:
        """Return the term of some of the rows."""
        return LinearTerm(
            self.parameter, self.inputs_RI[rows], self.deltas_KRO[:, rows], self.workspace, self.transposed
        )

    def scaled(self, factor_R: Tensor) -> Term:
        """Return the term with each row of δ multiplied."""
        return LinearTerm(
            self.parameter,
            self.inputs_RI,
            self.deltas_KRO * factor_R[:, None],
            self.workspace,
            self.transposed,
        )

    def gramian_by_rows(self, owner_R: Tensor, n_tasks: int) -> Tensor:
        """Return the sums of (aaᵀ)∘(δδᵀ) over blocks of rows, where that is cheaper than K gradients."""
        n_rows, n_out = self.deltas_KRO.shape[1:]
        n_in = self.inputs_RI.shape[1]
        if n_rows * n_rows * (n_in + n_out) > (n_rows + n_tasks**2) * n_in * n_out:
            return super().gramian_by_rows(owner_R, n_tasks)
        inputs_RI, deltas_RO = self.inputs_RI, self.deltas_KRO[0]
        if inputs_RI.dtype in (torch.float16, torch.bfloat16):
            inputs_RI, deltas_RO = inputs_RI.float(), deltas_RO.float()
        products_RR = (inputs_RI @ inputs_RI.T).mul_(deltas_RO @ deltas_RO.T)
        # Sums by index, not products with a mask: 0 · NaN would carry a broken task into all others.
        sums_KR = products_RR.new_zeros(n_tasks, n_rows).index_add_(0, owner_R, products_RR)
        return products_RR.new_zeros(n_tasks, n_tasks).index_add_(1, owner_R, sums_KR).double()

    def gramian(self) -> Tensor:
        """Return the inner products by whichever way is cheaper."""
        n_tasks, n_rows, n_out = self.deltas_KRO.shape
        n_in = self.inputs_RI.shape[1]
        ghost = n_rows * n_rows * (n_in + 0.625 * n_tasks * n_out) + n_tasks**2 * n_rows * n_out
        direct = n_tasks * n_rows * n_in * n_out + n_tasks**2 * n_in * n_out
        if direct <= ghost:
            bias = 0 if self.bias is None else self.bias.gramian()
            into = self.workspace.scratch("rows", (n_tasks, n_out, n_in), self.deltas_KRO)
            inputs_KRI = self.inputs_RI.expand(n_tasks, -1, -1)
            return inner(torch.bmm(self.deltas_KRO.transpose(1, 2), inputs_KRI, out=into)) + bias
        return self._ghost(n_rows)

    def _ghost(self, n_rows: int) -> Tensor:
        inputs_RI, deltas_KRO = self.inputs_RI, self.deltas_KRO
        if inputs_RI.dtype in (torch.float16, torch.bfloat16):
            inputs_RI, deltas_KRO = inputs_RI.float(), deltas_KRO.float()
        products_RR = inputs_RI @ inputs_RI.T
        if self.bias is not None:
            products_RR += 1
        if n_rows < 96:
            along = self.workspace.scratch("half", deltas_KRO.shape, deltas_KRO)
            torch.bmm(products_RR.expand(len(deltas_KRO), -1, -1), deltas_KRO, out=along)
            return inner(deltas_KRO, along)
        # aaᵀ is symmetric: its lower blocks and half its diagonal ones are enough, and G = M + Mᵀ.
        half = self.workspace.scratch("half", deltas_KRO.shape, deltas_KRO)
        n_blocks = 4
        cuts = [round(block * n_rows / n_blocks) for block in range(n_blocks + 1)]
        for start, stop in itertools.pairwise(cuts):
            block = products_RR[start:stop, :stop]
            block[:, start:] *= 0.5
            torch.matmul(block, deltas_KRO[:, :stop], out=half[:, start:stop])
        gramian_KK = inner(half, deltas_KRO)
        return gramian_KK + gramian_KK.T

    def rows(self) -> Tensor:
        """Return the K gradients of the weight."""
        if self.transposed:
            return self.inputs_RI.T @ self.deltas_KRO
        return self.deltas_KRO.transpose(1, 2) @ self.inputs_RI

    def combined(self, weigh: Weighing) -> Tensor:
        """Return the gradient of the weighted δ."""
        deltas_RO = weigh(self.deltas_KRO)
        if self.transposed:
            return self.inputs_RI.T @ deltas_RO
        return deltas_RO.T @ self.inputs_RI


class EmbeddingTerm(Term):
    """Rows of a table: gradientₖ[i] = Σ of δₖₙ over the N look-ups n of row i.

    Only the rows that were looked up enter the Gramian.

    Args:
        parameter: V×D.
        indices_N: which row each look-up took.
        deltas_KND: δ.
    """

    def __init__(self, parameter: Tensor, indices_N: Tensor, deltas_KND: Tensor) -> None:
        super().__init__(parameter)
        self.indices_N = indices_N
        self.deltas_KND = deltas_KND

    def n_rows(self) -> int:
        """Return R."""
        return self.deltas_KND.shape[1]

    def part(self, rows: Tensor) -> Term:
        """Return the term of some of the rows."""
        return EmbeddingTerm(self.parameter, self.indices_N[rows], self.deltas_KND[:, rows])

    def scaled(self, factor_R: Tensor) -> Term:
        """Return the term with each row of δ multiplied."""
        return EmbeddingTerm(self.parameter, self.indices_N, self.deltas_KND * factor_R[:, None])

    def gramian_by_rows(self, owner_R: Tensor, n_tasks: int) -> Tensor:
        """Return the inner products over the rows of the table that were looked up."""
        used_U, places_N = torch.unique(self.indices_N, return_inverse=True)
        deltas_ND = self.deltas_KND[0]
        sums = deltas_ND.new_zeros(n_tasks * len(used_U), deltas_ND.shape[1])
        sums.index_add_(0, owner_R * len(used_U) + places_N, deltas_ND)
        return inner(sums.view(n_tasks, -1))

    def gramian(self) -> Tensor:
        """Return the inner products over the rows that were looked up."""
        used_U, places_N = torch.unique(self.indices_N, return_inverse=True)
        return inner(self._summed(places_N, len(used_U)))

    def _summed(self, places_N: Tensor, n_rows: int) -> Tensor:
        deltas_KND = self.deltas_KND
        shape = (deltas_KND.shape[0], n_rows, deltas_KND.shape[2])
        return deltas_KND.new_zeros(shape).index_add_(1, places_N, deltas_KND)

    def rows(self) -> Tensor:
        """Return the K gradients of the whole table."""
        return self._summed(self.indices_N, self.parameter.shape[0])

    def combined(self, weigh: Weighing) -> Tensor:
        """Return the gradient of the weighted δ."""
        deltas_ND = weigh(self.deltas_KND)
        return torch.zeros_like(self.parameter, dtype=deltas_ND.dtype).index_add_(
            0, self.indices_N, deltas_ND
        )
