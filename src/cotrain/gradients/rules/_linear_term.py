"""A linear layer's weight in the Gramian."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from cotrain.gradients.rules._buffer_pool import BufferPool
from cotrain.gradients.rules._cost import HALF, MANY_ROWS, SLOW, WRITTEN, through_rows
from cotrain.gradients.rules._gramian_terms import BiasTerm, Term, WeightedSum, inner
from cotrain.gradients.rules._row_sparsity import PackedRows


class LinearTerm(Term):
    """A matrix applied to every row: gradientₖ = δₖᵀa.

    ⟨δₛᵀa, δₜᵀa⟩ = ⟨δₛ, (aaᵀ) δₜ⟩, which never forms a gradient of the weight; with a bias on the same rows
    aaᵀ + 1 counts both. Where R is large against I·O/(I+O) the gradients themselves are cheaper, and their
    weighted sum is then the combined gradient.

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
        workspace: BufferPool,
        transposed: bool = False,
    ) -> None:
        super().__init__(parameter)
        self.inputs_RI = inputs_RI
        self.deltas_KRO = deltas_KRO
        self.workspace = workspace
        self.transposed = transposed
        #: The bias of the same layer.
        self.beside: BiasTerm | None = None
        #: The same, if it is to be counted here.
        self.bias: BiasTerm | None = None
        #: The rows that may differ from 0, where it pays to multiply no others.
        self.packed: PackedRows | None = None
        self._rows_KIO: Tensor | None = None
        # The same of the rows that each task owns.
        self._owned_KIO: Tensor | None = None

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
        part = HALF if n_rows >= MANY_ROWS else 1
        # Gradients that are formed have to be written and read again, too.
        direct = (n_rows + WRITTEN * n_tasks + SLOW * n_tasks**2) * n_in * n_out
        # Through rows, the combined gradient is one more product.
        if direct < part * n_rows * n_rows * (n_in + n_out) + n_rows * n_in * n_out:
            return inner(self._rows_by_owner(owner_R, n_tasks)) + self._bias_by_rows(owner_R, n_tasks)
        inputs_RI, deltas_RO = self.inputs_RI, self.deltas_KRO[0]
        if inputs_RI.dtype in (torch.float16, torch.bfloat16):
            inputs_RI, deltas_RO = inputs_RI.float(), deltas_RO.float()
        # Sums by index, not products with a mask: 0 · NaN would carry a broken task into all others.
        sums_KR = inputs_RI.new_zeros(n_tasks, n_rows)
        gramian_KK = inputs_RI.new_zeros(n_tasks, n_tasks)
        for start, stop in _blocks(n_rows):
            block = inputs_RI[start:stop] @ inputs_RI[:stop].T
            if self.bias is not None:
                block += 1
            block *= deltas_RO[start:stop] @ deltas_RO[:stop].T
            if len(block) < n_rows:  # the lower half stands for both
                block[:, start:] *= 0.5
            sums_KR[:, :stop].index_add_(0, owner_R[start:stop], block)
        gramian_KK.index_add_(1, owner_R, sums_KR)
        return (gramian_KK if part == 1 else gramian_KK + gramian_KK.T).double()

    def _bias_by_rows(self, owner_R: Tensor, n_tasks: int) -> Tensor | int:
        return 0 if self.bias is None else self.bias.gramian_by_rows(owner_R, n_tasks)

    def _rows_by_owner(self, owner_R: Tensor, n_tasks: int) -> Tensor:
        order_R = owner_R.argsort(stable=True)
        stops = torch.bincount(owner_R, minlength=n_tasks).cumsum(0).tolist()
        inputs_RI, deltas_RO = self.inputs_RI[order_R], self.deltas_KRO[0][order_R]
        shape = (n_tasks, inputs_RI.shape[1], deltas_RO.shape[1])
        rows_KIO = self._owned_KIO = self.workspace.take(shape, deltas_RO)
        for task, (start, stop) in enumerate(itertools.pairwise([0, *stops])):
            torch.mm(inputs_RI[start:stop].T, deltas_RO[start:stop], out=rows_KIO[task])
        return rows_KIO

    def gramian(self) -> Tensor:
        """Return the inner products by whichever way is cheaper."""
        n_tasks, n_rows, n_out = self.deltas_KRO.shape
        n_in = self.inputs_RI.shape[1]
        if self.packed is None:
            n_kept, ghost = n_tasks * n_rows, through_rows(n_tasks, n_rows, n_in, n_out)
        else:
            n_kept = len(self.packed.deltas_NO)
            ghost = n_rows * (n_rows * n_in + n_kept * n_out) + SLOW * n_tasks**2 * n_rows * n_out
        # The K gradients cost no further product for the combined one.
        direct = (n_kept - n_rows) * n_in * n_out + SLOW * n_tasks**2 * n_in * n_out
        if direct <= ghost:
            return self._direct(n_tasks)
        return self._ghost(n_rows)

    def _direct(self, n_tasks: int) -> Tensor:
        inputs_IR = self.inputs_RI.T
        if self.bias is not None:  # one more input, always 1
            inputs_IR = torch.cat([inputs_IR, inputs_IR.new_ones(1, inputs_IR.shape[1])])
        rows_KIO = self.workspace.take((n_tasks, len(inputs_IR), self.deltas_KRO.shape[2]), self.deltas_KRO)
        if self.packed is None:
            torch.bmm(inputs_IR.expand(n_tasks, -1, -1), self.deltas_KRO, out=rows_KIO)
        else:
            for rows_N, deltas_NO, out in zip(self.packed.rows, self.packed.deltas, rows_KIO, strict=True):
                torch.mm(inputs_IR.index_select(1, rows_N), deltas_NO, out=out)
        self._rows_KIO = rows_KIO
        if self.bias is not None:
            self._rows_KIO = rows_KIO[:, :-1]
            self.bias.sums_KO = rows_KIO[:, -1]
        return inner(rows_KIO)

    def _ghost(self, n_rows: int) -> Tensor:
        inputs_RI, deltas_KRO = self.inputs_RI, self.deltas_KRO
        if inputs_RI.dtype in (torch.float16, torch.bfloat16):
            inputs_RI, deltas_KRO = inputs_RI.float(), deltas_KRO.float()
        half = self.workspace.scratch("half", deltas_KRO.shape, deltas_KRO)
        if n_rows >= MANY_ROWS and self.packed is None:
            return self._ghost_in_blocks(inputs_RI, deltas_KRO, half)
        products_RR = inputs_RI @ inputs_RI.T
        if self.bias is not None:
            products_RR += 1
        if n_rows < MANY_ROWS or self.packed is None:
            torch.bmm(products_RR.expand(len(deltas_KRO), -1, -1), deltas_KRO, out=half)
        else:
            for rows_N, deltas_NO, out in zip(self.packed.rows, self.packed.deltas, half, strict=True):
                torch.mm(products_RR.index_select(0, rows_N).T, deltas_NO.to(half.dtype), out=out)
        return inner(deltas_KRO, half)

    def _ghost_in_blocks(self, inputs_RI: Tensor, deltas_KRO: Tensor, half: Tensor) -> Tensor:
        # aaᵀ is symmetric: its lower blocks and half its diagonal ones are enough, and G = M + Mᵀ.
        for start, stop in _blocks(len(inputs_RI)):
            block = inputs_RI[start:stop] @ inputs_RI[:stop].T
            if self.bias is not None:
                block += 1
            block[:, start:] *= 0.5
            torch.matmul(block, deltas_KRO[:, :stop], out=half[:, start:stop])
        gramian_KK = inner(half, deltas_KRO)
        return gramian_KK + gramian_KK.T

    def rows(self) -> Tensor:
        """Return the K gradients of the weight."""
        if self.transposed:
            return self.inputs_RI.T @ self.deltas_KRO
        return self.deltas_KRO.transpose(1, 2) @ self.inputs_RI

    def combined_by_owner(self, weigh: WeightedSum) -> Tensor | None:
        """Return the weighted sum of the K gradients, if the Gramian has formed them."""
        if self._owned_KIO is None:
            return None
        total = weigh(self._owned_KIO)
        return self.workspace.gradient(self.parameter).copy_(total if self.transposed else total.T)

    def combined(self, weigh: WeightedSum) -> Tensor:
        """Return the gradient of the weighted δ, in memory that the workspace keeps."""
        if self._rows_KIO is not None:
            total = weigh(self._rows_KIO)
            return self.workspace.gradient(self.parameter).copy_(total if self.transposed else total.T)
        deltas_RO = weigh(self.deltas_KRO)
        pair = (self.inputs_RI.T, deltas_RO) if self.transposed else (deltas_RO.T, self.inputs_RI)
        if deltas_RO.dtype != self.parameter.dtype:
            return pair[0] @ pair[1]
        return torch.mm(*pair, out=self.workspace.gradient(self.parameter))


def paired(terms: Sequence[Term]) -> list[Term]:
    """Return the terms without those biases that the weight beside them counts in its Gramian.

    Args:
        terms: each of a parameter that is used once.
    """
    once = {id(term) for term in terms}
    counted: set[int] = set()
    for term in terms:
        if isinstance(term, LinearTerm):
            # The bias of this very layer: layers whose outputs are added have one δ and a bias each.
            term.bias = term.beside if id(term.beside) in once else None
            counted.add(id(term.bias))
    return [term for term in terms if id(term) not in counted]


def terms_gramian(terms: list[Term], n_tasks: int, device: torch.device) -> Tensor:
    """Return the K×K inner products of all terms together; uses of one parameter are added up first."""
    groups: dict[int, list[Term]] = {}
    for term in terms:
        groups.setdefault(id(term.parameter), []).append(term)
    total = torch.zeros(n_tasks, n_tasks, dtype=torch.float64, device=device)
    for term in paired([group[0] for group in groups.values() if len(group) == 1]):
        total += term.gramian()
    for group in groups.values():
        if len(group) > 1:
            total += inner(torch.stack([term.rows() for term in group]).sum(0))
    return total


def _blocks(n_rows: int) -> list[tuple[int, int]]:
    """Return (start, stop) of the blocks of rows in which the lower half of a symmetric product is made."""
    if n_rows < MANY_ROWS:
        return [(0, n_rows)]
    return list(itertools.pairwise(round(n_rows * quarter / 4) for quarter in range(5)))
