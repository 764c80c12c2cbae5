"""What a step costs, in time and memory, by one pass per task and by all K gradients together.

Counted from the shapes of the graph alone, before anything is run. Shapes: K tasks, R rows (batch times
positions), I inputs and O outputs of a layer, P shared parameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from cotrain.gradients.graph._task_graph import Node, TaskGraph

#: From so many rows on, the half of a symmetric product is worth four products of blocks instead of one.
MANY_ROWS = 96
#: What four blocks compute of a symmetric matrix.
HALF = 0.625
#: A product of K long rows with K long rows runs at half the speed of a product of matrices.
SLOW = 2
#: What it costs to write a number and to read it twice, in multiplications.
WRITTEN = 50
#: What the engine's call of one node costs, in multiplications. An estimate, not measured: 15 µs at 2·10¹⁰
#: multiplications a second.
_CALL = 300_000
#: What a node run from Python costs: so many calls, and so many more per task. 8 layers of 64 units, B = 128:
#: "exact" 2.3 and 3.5 plain steps for K = 2 and 8, "ghost" 3.5 and 3.6.
_FROM_PYTHON = 4.0
_PER_TASK = 0.4
#: K times the entries of a layer fall out of the cache. Four blocks of width 128, K = 8: "ghost" 6.4 against
#: 5.9 plain steps at 256 rows, 6.0 against 5.8 at 1,024, although it multiplies a tenth less.
_SPREAD = 1.2
#: K times the rows of a convolution fall out of the cache: measured 3.9 ("exact") against 5.4 ("ghost") plain
#: steps for 16-32-64 channels at B = 32, K = 8, on one thread.
_CONVOLVED = 1.5
#: What a number of a layer's output costs beside the products: activation, norm, sum. An estimate, not
#: measured.
_ENTRY = 30
#: "ghost" has to be cheaper by this to be worth more memory than "exact" takes.
_MARGIN = 0.9
#: More memory than this times that of "exact" counts as more.
_SAME = 1.1


def through_rows(n_tasks: int, n_rows: int, n_in: int, n_out: int) -> float:
    """Return what the inner products cost through aaᵀ, in multiplications."""
    part = HALF if n_rows >= MANY_ROWS else 1
    return part * n_rows * (n_rows * n_in + n_tasks * n_rows * n_out) + SLOW * n_tasks**2 * n_rows * n_out


@dataclass(frozen=True)
class Cost:
    """Of one way through the shared part.

    Args:
        time: in multiplications.
        memory: in bytes, beyond the activations that every way needs.
    """

    time: float
    memory: float

    def of_rows(self, share: float) -> Cost:
        """Return the cost where a share of the rows is labelled.

        That a third of it does not shrink is an estimate, not measured.
        """
        return Cost(self.time * (1 + 2 * share) / 3, self.memory)


@dataclass
class _Sum:
    time: float = 0.0
    numbers: float = 0.0


def estimate(graph: TaskGraph, shared_ids: frozenset[int], n_tasks: int) -> tuple[Cost, Cost]:
    """Return the cost of "exact" and of "ghost".

    Args:
        graph: of the losses.
        shared_ids: ids of the shared parameters.
        n_tasks: K.
    """
    shared = [leaf for leaf in graph.leaves.values() if id(leaf) in shared_ids]
    n_bytes = max((leaf.element_size() for leaf in shared), default=4)
    n_parameters = sum(leaf.numel() for leaf in shared)
    exact, ghost = _Sum(numbers=n_tasks * n_parameters + n_parameters), _Sum(numbers=n_parameters)
    called, widest, n_nodes = 0, 0, 0
    for node in graph.shared_nodes:
        shape = node._input_metadata[0].shape
        entries = math.prod(shape)
        widest = max(widest, entries)
        if node in graph.leaves:
            continue
        kind = type(node).__name__
        n_nodes += 1
        called += entries
        if kind in ("AddmmBackward0", "MmBackward0"):
            _count_linear(graph, node, shape, n_tasks, exact, ghost)
        elif kind == "ConvolutionBackward0":
            products = entries * (node._saved_weight.numel() / node._saved_weight.shape[0])
            exact.time += 2 * n_tasks * products
            ghost.time += 2 * _CONVOLVED * n_tasks * products
            ghost.numbers += n_tasks * (entries + node._saved_weight.numel())
        elif any(child in graph.leaves for child, _ in graph.children[node]):
            ghost.numbers += n_tasks * entries
    exact.time += n_tasks * (_CALL * n_nodes + _ENTRY * called)
    ghost.time += (_FROM_PYTHON + _PER_TASK * n_tasks) * _CALL * n_nodes + _SPREAD * n_tasks * _ENTRY * called
    ghost.numbers += 2 * n_tasks * widest
    return Cost(exact.time, exact.numbers * n_bytes), Cost(ghost.time, ghost.numbers * n_bytes)


def _count_linear(
    graph: TaskGraph, node: Node, shape: Sequence[int], n_tasks: int, exact: _Sum, ghost: _Sum
) -> None:
    place = 1 if type(node).__name__ == "AddmmBackward0" else 0
    n_rows, n_out = shape
    inputs, weight = (graph.children[node][at][0] for at in (place, place + 1))
    if inputs is None and weight is None:
        return  # a bias alone
    factor = node._saved_mat2 if inputs is not None else None
    if factor is None:
        kept = node._saved_mat1 if place else node._saved_self
        n_in = kept.shape[1]
    else:
        n_in = factor.shape[0]
    product = n_rows * n_in * n_out
    if inputs is not None:
        exact.time += n_tasks * product
        ghost.time += n_tasks * product
    if weight is not None:
        written = (WRITTEN * n_tasks + SLOW * n_tasks**2) * n_in * n_out
        direct = n_tasks * product + written
        rows = through_rows(n_tasks, n_rows, n_in, n_out) + product
        exact.time += direct
        ghost.time += min(direct, rows)
        ghost.numbers += n_tasks * n_rows * n_out + (n_tasks * n_in * n_out if direct < rows else n_rows**2)


def cheaper(exact: Cost, ghost: Cost, budget: float | None) -> tuple[str, str]:
    """Return "exact" or "ghost", and why.

    Args:
        exact: of one pass per task.
        ghost: of all together.
        budget: bytes that the gradients of the tasks may take; `None`: no more than "exact" takes, unless the
            time is worth it.
    """
    ratio = f"{ghost.time / max(exact.time, 1):.2f} of the time and {_size(ghost.memory)} against "
    ratio += _size(exact.memory)
    if budget is not None and max(exact.memory, ghost.memory) > budget:
        way = "ghost" if ghost.memory < exact.memory else "exact"
        over = min(exact.memory, ghost.memory) > budget
        return way, f"the leaner one, {'yet over' if over else 'within'} {_size(budget)} ({ratio})"
    if ghost.time < (_MARGIN if ghost.memory > _SAME * exact.memory else 1) * exact.time:
        return "ghost", f"all K gradients together take about {ratio} by one pass per task"
    return "exact", f"all K gradients together would take about {ratio}"


def _size(n_bytes: float) -> str:
    return f"{n_bytes / 2**20:.0f} MB" if n_bytes >= 2**20 else f"{n_bytes / 2**10:.0f} kB"
