"""Let GradNorm balance two regressions of one input in different units (Chen et al., 2018).

    python examples/toys/gradnorm.py                     # 3,000 steps, two seeds, Equal and GradNorm
    python examples/toys/gradnorm.py --plot weights.png

y_i = s_i tanh((B + E_i) x) with x of 250 and y of 100 numbers, B ~ N(0, 10), E_i ~ N(0, 3.5) (variances),
s = (1, 100), and a network of shared layers of width 100 (four; --layers 3 counts the output layer as the
fourth) with one linear output layer per task. The criterion is the mean of L_i(test) / L_i(test, start).
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from cotrain.balancing import Balancer, Equal, GradNorm, Needs


def make_data(seed: int, rows: int, scales: tuple[float, ...]):
    """Return inputs [rows, 250] and targets [K, rows, 100]."""
    generator = torch.Generator().manual_seed(seed)
    shared = torch.randn(100, 250, generator=generator) * 10**0.5
    inputs = torch.randn(rows, 250, generator=generator)
    targets = []
    for scale in scales:
        own = torch.randn(100, 250, generator=generator) * 3.5**0.5
        targets.append(scale * torch.tanh(inputs @ (shared + own).T))
    return inputs, torch.stack(targets)


def train(
    balancer: Balancer,
    seed: int = 0,
    steps: int = 3000,
    scales: tuple[float, ...] = (1.0, 100.0),
    rows: int = 10_000,
    width: int = 100,
    layers: int = 4,
    batch: int = 100,
) -> tuple[float, np.ndarray]:
    """Return the mean relative test loss, and the weights of each step."""
    n_tasks = len(scales)
    inputs, targets = make_data(seed, rows + rows // 10, scales)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        modules: list[torch.nn.Module] = []
        for n_in in [250] + [width] * (layers - 1):
            modules += [torch.nn.Linear(n_in, width), torch.nn.ReLU()]
        trunk = torch.nn.Sequential(*modules)
        heads = torch.nn.ModuleList(torch.nn.Linear(width, 100) for _ in scales)
    adam = torch.optim.Adam([*trunk.parameters(), *heads.parameters()], lr=1e-3)
    last_shared = [parameter for parameter in modules[-2].parameters() if parameter.ndim == 2]
    generator = torch.Generator().manual_seed(seed + 1)

    def losses_of(chosen: torch.Tensor) -> list[torch.Tensor]:
        hidden = trunk(inputs[chosen])
        return [((head(hidden) - y[chosen]) ** 2).mean() for head, y in zip(heads, targets, strict=True)]

    test = torch.arange(rows, rows + rows // 10)
    with torch.no_grad():
        start = np.array([float(loss) for loss in losses_of(test)])
    history = []
    for _ in range(steps):
        losses = losses_of(torch.randint(rows, (batch,), generator=generator))
        squared = None
        if balancer.needs is Needs.NORMS:
            gradients = [torch.autograd.grad(loss, last_shared, retain_graph=True) for loss in losses]
            squared = torch.stack([sum((g**2).sum() for g in one) for one in gradients])
        weights = torch.as_tensor(
            balancer.weights(torch.stack(losses).detach(), squared), dtype=torch.float32
        )
        history.append(weights.numpy().copy())
        adam.zero_grad()
        sum(losses[k] * weights[k] for k in range(n_tasks)).backward()
        adam.step()
    with torch.no_grad():
        end = np.array([float(loss) for loss in losses_of(test)])
    return float((end / start).mean()), np.stack(history)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--alpha", type=float, default=0.12)
    parser.add_argument("--layers", type=int, default=4, help="shared layers")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--plot", default=None, help="file for the weights by step (needs matplotlib)")
    arguments = parser.parse_args()
    history = None
    for seed in range(arguments.seeds):
        sizes = {"steps": arguments.steps, "layers": arguments.layers, "batch": arguments.batch}
        equal, _ = train(Equal(), seed, **sizes)
        normed, history = train(GradNorm(alpha=arguments.alpha), seed, **sizes)
        print(f"seed {seed}: mean relative test loss {equal:.3f} equal, {normed:.3f} GradNorm", flush=True)
    if arguments.plot and history is not None:
        import matplotlib as mpl

        mpl.use("Agg")
        import matplotlib.pyplot as plt

        plt.semilogy(history)
        plt.xlabel("step")
        plt.ylabel("weight")
        plt.savefig(arguments.plot, dpi=120)


if __name__ == "__main__":
    main()
