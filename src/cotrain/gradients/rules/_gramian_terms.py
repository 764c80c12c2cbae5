"""What one use of one parameter adds to the Gramian, and its part of the combined gradient.

Shapes: K tasks, R rows (batch times positions), I inputs and O outputs of a layer.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from cotrain.gradients._shared_parameters import sparse_rows


def inner(rows: Tensor, others: Tensor | None = None) -> Tensor:
    """Return the K×K inner products of K arrays in float64, multiplied in float32 at least.

    Of complex numbers, the real part of Σ āb: that of their real and imaginary parts.
    """
    rows, others = _as_real(rows), None if others is None else _as_real(others)
    flat = rows.reshape(rows.shape[0], -1)
    flat = flat.to(torch.promote_types(flat.dtype, torch.float32))
    other = flat if others is None else others.reshape(others.shape[0], -1).to(flat.dtype)
    return (flat @ other.T).double()


def _as_real(values: Tensor) -> Tensor:
    return torch.view_as_real(values.resolve_conj()) if values.is_complex() else values


class WeightedSum:
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
    def combined(self, weigh: WeightedSum) -> Tensor:
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

    def combined_by_owner(self, weigh: WeightedSum) -> Tensor | None:
        """Return Σ wₖ gradientₖ of the rows that each task owns, if the Gramian has formed them."""
        return None

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

    def combined(self, weigh: WeightedSum) -> Tensor:
        """Return their weighted sum."""
        return weigh(self.grads_K)


class BiasTerm(Term):
    """A bias added to every row: gradientₖ = Σᵣ δₖᵣ."""

    def __init__(self, parameter: Tensor, deltas_KRO: Tensor) -> None:
        super().__init__(parameter)
        self.deltas_KRO = deltas_KRO
        #: Their sums over rows, once somebody has made them.
        self.sums_KO: Tensor | None = None

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
        if self.sums_KO is None:
            self.sums_KO = self.deltas_KRO.sum(1)
        return self.sums_KO

    def rows_by_owner(self, owner_R: Tensor, n_tasks: int) -> Tensor:
        """Return the sums over the rows of each task."""
        deltas = self.deltas_KRO[0]
        return deltas.new_zeros(n_tasks, *deltas.shape[1:]).index_add_(0, owner_R, deltas)

    def combined(self, weigh: WeightedSum) -> Tensor:
        """Return the weighted sum."""
        return weigh(self.deltas_KRO).sum(0) if self.sums_KO is None else weigh(self.sums_KO)


class EmbeddingTerm(Term):
    """Rows of a table: gradientₖ[i] = Σ of δₖₙ over the N look-ups n of row i.

    Only the rows that were looked up enter the Gramian.

    Args:
        parameter: V×D.
        indices_N: which row each look-up took.
        deltas_KND: δ.
        sparse: whether the table wants a sparse gradient.
        padding: a row that takes no gradient, whose δ are 0; -1: none.
    """

    def __init__(
        self,
        parameter: Tensor,
        indices_N: Tensor,
        deltas_KND: Tensor,
        *,
        sparse: bool = False,
        padding: int = -1,
    ) -> None:
        super().__init__(parameter)
        self.sparse = sparse
        self.padding = padding
        self.indices_N = indices_N
        self.deltas_KND = deltas_KND

    def n_rows(self) -> int:
        """Return R."""
        return self.deltas_KND.shape[1]

    def part(self, rows: Tensor) -> Term:
        """Return the term of some of the rows."""
        return self._with(self.indices_N[rows], self.deltas_KND[:, rows])

    def scaled(self, factor_R: Tensor) -> Term:
        """Return the term with each row of δ multiplied."""
        return self._with(self.indices_N, self.deltas_KND * factor_R[:, None])

    def _with(self, indices_N: Tensor, deltas_KND: Tensor) -> EmbeddingTerm:
        return EmbeddingTerm(self.parameter, indices_N, deltas_KND, sparse=self.sparse, padding=self.padding)

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

    def combined(self, weigh: WeightedSum) -> Tensor:
        """Return the gradient of the weighted δ."""
        deltas_ND = weigh(self.deltas_KND)
        if self.sparse:
            kept_N = self.indices_N != self.padding
            deltas_ND = deltas_ND[kept_N]
            rows_U, places_N = torch.unique(self.indices_N[kept_N], return_inverse=True)
            sums = deltas_ND.new_zeros(len(rows_U), deltas_ND.shape[1])
            return sparse_rows(rows_U, sums.index_add_(0, places_N, deltas_ND), self.parameter)
        return torch.zeros_like(self.parameter, dtype=deltas_ND.dtype).index_add_(
            0, self.indices_N, deltas_ND
        )
