"""Let uncertainty weighting find the noise of two regressions where it is known (Kendall et al., 2018).

    python examples/toys/uncertainty.py                  # 2,000 epochs, three seeds
    python examples/toys/uncertainty.py --plot sigmas.png

N = 100, x ~ N(0, 1), y1 = 2x + 8 + 10e, y2 = 3x + 3 + e, so the noise has the deviations 10 and 1.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from cotrain.balancing import Uncertainty


def train(seed: int = 0, epochs: int = 2000, width: int = 1024) -> np.ndarray:
    """Return the two estimated deviations after each epoch, epochs×2."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(100, 1, generator=generator)
    noise = torch.randn(100, 2, generator=generator) * torch.tensor([10.0, 1.0])
    y = torch.cat([2 * x + 8, 3 * x + 3], dim=1) + noise
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = torch.nn.Sequential(torch.nn.Linear(1, width), torch.nn.ReLU(), torch.nn.Linear(width, 2))
    adam = torch.optim.Adam(model.parameters())
    balancer = Uncertainty(learning_rate=0.01)
    sigmas = []
    for _ in range(epochs):
        for rows in torch.randperm(100, generator=generator).split(20):
            losses = ((model(x[rows]) - y[rows]) ** 2).mean(dim=0)
            adam.zero_grad()
            (balancer.weights(losses) * losses).sum().backward()
            adam.step()
        sigmas.append(np.exp(balancer.state["log_variance"].numpy() / 2))
    return np.stack(sigmas)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=2000)
    parser.add_argument("--plot", default=None, help="file for the deviations by epoch (needs matplotlib)")
    arguments = parser.parse_args()
    runs = []
    for seed in range(arguments.seeds):
        runs.append(train(seed, arguments.epochs))
        first, second = runs[-1][-1]
        print(f"seed {seed}: deviations {first:.2f} and {second:.2f}; the truth is 10 and 1", flush=True)
    if arguments.plot:
        import matplotlib as mpl

        mpl.use("Agg")
        import matplotlib.pyplot as plt

        for run in runs:
            plt.semilogy(run)
        plt.axhline(10, color="0.5")
        plt.axhline(1, color="0.5")
        plt.xlabel("epoch")
        plt.ylabel("estimated deviation of the noise")
        plt.savefig(arguments.plot, dpi=120)


if __name__ == "__main__":
    main()
