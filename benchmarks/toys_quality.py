"""Which balancing method helps against which trouble, on four toy problems with known truth.

python benchmarks/toys_quality.py                      # the table of docs/explanation/when-it-hurts.md
python benchmarks/toys_quality.py --problems noise --methods Equal,UPGrad --seeds 100-102

Each problem is 8 (or 2) regressions from 10 inputs by one small network. Every method tries the same learning
rates with Adam for the same number of steps; the rate is chosen for each method and seed by the validation
rows, and the figure is the error on the test rows of the tasks that can be learned, as a share of what the
best constant leaves: 1 is a constant, 0 is perfect. The methods were not tuned; rates and steps were set on
seeds from 100 on.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cotrain import Balance, balancing

RATES = (1e-3, 3e-3, 1e-2, 3e-2)
STEPS, BATCH, INPUTS, ROWS = 300, 32, 10, 200

METHODS: dict[str, Callable[[], balancing.Balancer]] = {
    "Equal": balancing.Equal,
    "InitialScaled": balancing.InitialScaled,
    "LogLoss": balancing.LogLoss,
    "FAMO": balancing.FAMO,
    "ExcessMTL": balancing.ExcessMTL,
    "UnitNorm": balancing.UnitNorm,
    "UPGrad": balancing.UPGrad,
    "CAGrad": balancing.CAGrad,
    "NashMTL": balancing.NashMTL,
    "IMTLGradient": balancing.IMTLGradient,
}


@dataclass(frozen=True)
class Problem:
    """Rows of training, validation and test.

    Args:
        inputs: three tensors [N, INPUTS].
        targets: three tensors [N, K].
        judged: places of the tasks that can be learned.
    """

    inputs: tuple[Tensor, Tensor, Tensor]
    targets: tuple[Tensor, Tensor, Tensor]
    judged: tuple[int, ...]


def made(
    generator: torch.Generator,
    n_tasks: int,
    change: Callable[[Tensor, torch.Generator], Tensor],
    judged: range,
) -> Problem:
    """Return K related functions tanh(V tanh(W x)) plus noise, after a change of the targets."""
    sizes = (ROWS, ROWS, 1000)
    x = torch.randn(sum(sizes), INPUTS, generator=generator)
    common = torch.tanh(x @ torch.randn(INPUTS, 12, generator=generator) / 2)
    y = common @ torch.randn(12, n_tasks, generator=generator) / 3
    y = y + 0.1 * torch.randn(y.shape, generator=generator)
    y = change(y / y.std(dim=0), generator)
    return Problem(x.split(sizes), y.split(sizes), tuple(judged))  # type: ignore[arg-type]


def noise_in_a_tenfold_unit(y: Tensor, generator: torch.Generator) -> Tensor:
    """Make the last task noise in a unit ten times as large."""
    return torch.cat([y[:, :-1], 10 * torch.randn(len(y), 1, generator=generator)], dim=1)


def one_permuted(y: Tensor, generator: torch.Generator) -> Tensor:
    """Give the last task the labels of other rows."""
    return torch.cat([y[:, :-1], y[torch.randperm(len(y), generator=generator), -1:]], dim=1)


def opposed(y: Tensor, generator: torch.Generator) -> Tensor:
    """Let the second task want the opposite of the first, plus something of its own."""
    return torch.stack([y[:, 0], -0.8 * y[:, 0] + 0.6 * y[:, 1]], dim=1)


def units_from_1_to_100(y: Tensor, generator: torch.Generator) -> Tensor:
    """Give the tasks units from 1 to 100."""
    return y * torch.logspace(0, 2, y.shape[1])


PROBLEMS: dict[str, Callable[[torch.Generator], Problem]] = {
    "noise": lambda g: made(g, 4, noise_in_a_tenfold_unit, range(3)),
    "permuted": lambda g: made(g, 8, one_permuted, range(7)),
    "conflict": lambda g: made(g, 2, opposed, range(2)),
    "units": lambda g: made(g, 8, units_from_1_to_100, range(8)),
}


def share_left(output: Tensor, target: Tensor, judged: tuple[int, ...]) -> float:
    """Return the mean over the judged tasks of the squared error as a share of the best constant's."""
    errors = (output - target).square().mean(dim=0) / target.var(dim=0, correction=0)
    return float(errors[list(judged)].mean())


def trained(problem: Problem, method: str, rate: float, seed: int) -> tuple[float, float]:
    """Return the error on the validation and on the test rows after the same steps for everybody."""
    torch.manual_seed(seed)
    n_tasks = problem.targets[0].shape[1]
    # Width 6 for 8 tasks: there is something to quarrel about.
    encoder = nn.Sequential(nn.Linear(INPUTS, 16), nn.Tanh(), nn.Linear(16, 6), nn.Tanh())
    heads = nn.Linear(6, n_tasks)
    optimizer = torch.optim.Adam([*encoder.parameters(), *heads.parameters()], lr=rate)
    tasks = [f"task {k}" for k in range(n_tasks)]
    balancer = METHODS[method]()
    balance = Balance(balancer, encoder.parameters(), tasks=tasks)
    x, y = problem.inputs[0], problem.targets[0]

    def losses(rows: Tensor) -> dict[str, Tensor]:
        errors = (heads(encoder(x[rows])) - y[rows]).square().mean(dim=0)
        return dict(zip(tasks, errors.unbind(), strict=True))

    for _ in range(STEPS):
        rows = torch.randint(len(x), (BATCH,))
        optimizer.zero_grad()
        balance.backward(losses(rows))
        optimizer.step()
        if balancer.observes_update:
            with torch.no_grad():
                balance.observe_update(losses(rows))
    with torch.no_grad():
        found = [
            share_left(heads(encoder(problem.inputs[part])), problem.targets[part], problem.judged)
            for part in (1, 2)
        ]
    return found[0], found[1]


def row(problem: str, method: str, seeds: list[int]) -> list[float]:
    """Return the test error of each seed at the rate that its validation rows prefer."""
    values = []
    for seed in seeds:
        data = PROBLEMS[problem](torch.Generator().manual_seed(seed))
        tried = [trained(data, method, rate, seed) for rate in RATES]
        values.append(min(tried, key=lambda both: both[0])[1])
    return values


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--problems", default=",".join(PROBLEMS))
    parser.add_argument("--methods", default=",".join(METHODS))
    parser.add_argument("--seeds", default="0-9", help="first-last")
    arguments = parser.parse_args()
    first, last = map(int, arguments.seeds.split("-"))
    seeds = list(range(first, last + 1))
    torch.set_num_threads(1)
    problems = arguments.problems.split(",")
    found: dict[str, dict[str, list[float]]] = {}
    for method in arguments.methods.split(","):
        found[method] = {problem: row(problem, method, seeds) for problem in problems}
        print(f"{method} done", flush=True)
    print("\n| method | " + " | ".join(problems) + " |")
    print("|---|" + "---|" * len(problems))
    for method, of in found.items():
        cells = []
        for problem in problems:
            plain = found.get("Equal", of)[problem]
            gains = [a - b for a, b in zip(plain, of[problem], strict=True)]
            spread = statistics.stdev(gains) / len(gains) ** 0.5 if len(gains) > 1 else float("nan")
            gain = "" if method == "Equal" else f" ({statistics.mean(gains):+.3f} ± {spread:.3f})"
            cells.append(f"{statistics.mean(of[problem]):.3f}{gain}")
        print(f"| {method} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
