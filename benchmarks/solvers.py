"""Time of one K×K solve per method, beside torchjd's, interleaved in one run on one thread.

    OMP_NUM_THREADS=1 python benchmarks/solvers.py            # table of medians in microseconds
    OMP_NUM_THREADS=1 python benchmarks/solvers.py --sizes 2,8 --repeats 30

`solve` is the K×K problem alone, `call` the whole `weights(losses, gramian)`: checks, the copy to float64,
absent tasks and scaling included. A peer's time is its whole call on a float64 tensor. All are CPU times
with warm caches. `ratio` = theirs / call.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import numpy as np
import torch

from cotrain import balancing


def peers(n_tasks: int) -> dict[str, Callable[[torch.Tensor, torch.Tensor], object]]:
    """Return torchjd's methods, from a Gramian and a Jacobian, as far as their packages are installed."""
    from torchjd import aggregation

    makers = {
        "UPGrad": aggregation.UPGradWeighting,
        "DualProj": aggregation.DualProjWeighting,
        "MGDA": aggregation.MGDAWeighting,
        "PCGrad": aggregation.PCGradWeighting,
        "GradVac": aggregation.GradVacWeighting,
        "CAGrad": lambda: aggregation.CAGradWeighting(c=0.5),
        "FairGrad": lambda: aggregation.FairGradWeighting(alpha=2.0),
        "IMTLGradient": aggregation.IMTLGWeighting,
        "AlignedMTL": aggregation.AlignedMTLWeighting,
    }
    found: dict[str, Callable[[torch.Tensor, torch.Tensor], object]] = {}
    for name, make in makers.items():
        try:
            weighting = make()
        except ImportError:
            continue
        found[name] = lambda gramian, jacobian, weighting=weighting: weighting(gramian)
    try:
        nash = aggregation.NashMTL(n_tasks=n_tasks)
        found["NashMTL"] = lambda gramian, jacobian: nash.weighting(jacobian)
    except ImportError:
        pass
    config = aggregation.ConFIG()
    found["ConFIG"] = lambda gramian, jacobian: config(jacobian)
    return found


OURS = (
    *("UPGrad", "DualProj", "MGDA", "PCGrad", "GradVac", "CAGrad", "NashMTL", "FairGrad"),
    *("IMTLGradient", "AlignedMTL", "ConFIG"),
)


def timed(function: Callable[[], object]) -> float:
    """Return the CPU time of one call in microseconds: one warms up, then a millisecond of calls."""
    began = time.process_time()
    function()
    calls = max(1, min(30, int(1e-3 / max(time.process_time() - began, 1e-6))))
    began = time.process_time()
    for _ in range(calls):
        function()
    return (time.process_time() - began) * 1e6 / calls


def measure(name: str, n_tasks: int, repeats: int, budget_s: float) -> tuple[float, float, float]:
    """Return the medians of solve, call and peer, taken in turn on the same Gramians."""
    balancer = getattr(balancing, name)()
    peer = peers(n_tasks).get(name)
    losses, ones, places = np.ones(n_tasks), np.ones(n_tasks), np.arange(n_tasks)
    times: list[list[float]] = [[], [], []]
    began = time.perf_counter()
    for seed in range(repeats + 2):
        rows = np.random.default_rng(seed).normal(size=(n_tasks, 2 * n_tasks))
        gramian = rows @ rows.T
        unit = gramian / np.trace(gramian) * n_tasks
        as_torch = torch.from_numpy(gramian), torch.from_numpy(rows)
        functions = [
            lambda unit=unit: balancer._solve(unit, losses, ones, places),
            lambda gramian=gramian: balancer.weights(losses, gramian),
        ]
        if peer is not None:
            functions.append(lambda as_torch=as_torch: peer(*as_torch))
        for column, function in enumerate(functions):
            elapsed = timed(function)
            if seed >= 2:  # the first two warm up
                times[column].append(elapsed)
        if seed >= 4 and time.perf_counter() - began > budget_s:
            break
    solve, call, theirs = (statistics.median(column) if column else float("nan") for column in times)
    return solve, call, theirs


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--sizes", default="2,8,16,32,64")
    parser.add_argument("--methods", default=",".join(OURS))
    parser.add_argument("--repeats", type=int, default=50)
    parser.add_argument("--budget", type=float, default=5.0, help="seconds per method and size")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    print(f"{'method':14s} {'T':>3s} {'solve us':>9s} {'call us':>9s} {'torchjd us':>11s} {'ratio':>7s}")
    for name in arguments.methods.split(","):
        for n_tasks in map(int, arguments.sizes.split(",")):
            solve, call, theirs = measure(name, n_tasks, arguments.repeats, arguments.budget)
            row = f"{name:14s} {n_tasks:3d} {solve:9.0f} {call:9.0f} {theirs:11.0f} {theirs / call:7.1f}"
            print(row, flush=True)


if __name__ == "__main__":
    main()
