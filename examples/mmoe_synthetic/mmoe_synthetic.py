"""Do gates help more when tasks are less related? The synthetic experiment of the paper on MMoE.

Two regression tasks over 100 normal inputs, their weight vectors at a set correlation; a shared bottom and
MMoE with about as many parameters.
Run: python examples/mmoe_synthetic/mmoe_synthetic.py --draw gain.svg
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from cotrain.networks import MLP, HardSharing, InputSpec, MMoE, MultiTaskNetwork

CORRELATIONS = (1.0, 0.9, 0.5, 0.0)
WIDTH, HIDDEN, EXPERTS = 100, 16, 8
#: As many parameters as 8 experts of 16 and two towers of 8 have.
BOTTOM = 113


def make_data(
    correlation: float, seed: int, rows: int, scale: float = 0.3, frequency: float = 5.0
) -> tuple[Tensor, Tensor]:
    """Return x [rows, 100] and y [rows, 2] = w_k·x + Σ sin(α_i w_k·x + β_i) + noise.

    `scale` is the length of w_k, and α_i lies between 1 and `frequency`: their product says how often a sine
    turns within the data, and so how hard the functions are.
    """
    generator = np.random.default_rng([seed, 7])
    basis, _ = np.linalg.qr(generator.standard_normal((WIDTH, 2)))
    first, second = scale * basis.T
    weights = np.stack([first, correlation * first + np.sqrt(1 - correlation**2) * second])
    alpha, beta = generator.uniform(1, frequency, 5), generator.uniform(0, 2 * np.pi, 5)
    x = generator.standard_normal((rows, WIDTH))
    z = x @ weights.T
    y = z + np.sin(z[..., None] * alpha + beta).sum(-1) + 0.1 * generator.standard_normal(z.shape)
    return torch.from_numpy(x).float(), torch.from_numpy(y).float()


def make_model(kind: str) -> MultiTaskNetwork:
    """Return a network with about 13,000 parameters in its bottom."""
    spec = InputSpec(tensors={"inputs": (WIDTH,)})
    if kind == "shared bottom":
        sharing = HardSharing().build(lambda: MLP((BOTTOM,)).build(spec), ["a", "b"])
    else:
        sharing = MMoE(EXPERTS).build(lambda: MLP((HIDDEN,)).build(spec), ["a", "b"])
    width = sharing.widths()["a"]
    heads = {task: nn.Sequential(nn.Linear(width, 8), nn.ReLU(), nn.Linear(8, 1)) for task in ("a", "b")}
    return MultiTaskNetwork(sharing, heads)


def train(
    kind: str,
    correlation: float,
    seed: int,
    rows: int,
    epochs: int,
    scale: float = 0.3,
    frequency: float = 5.0,
) -> float:
    """Return the mean squared error over both tasks on fresh rows, at the epoch that validates best."""
    torch.manual_seed(seed)
    x, y = make_data(correlation, seed, rows + 2000, scale, frequency)
    valid, test = slice(rows, rows + 1000), slice(rows + 1000, rows + 2000)
    model = make_model(kind)
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    best, figure = float("inf"), float("nan")
    for _ in range(epochs):
        for batch in torch.randperm(rows).split(128):
            loss = error(model, x[batch], y[batch])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        with torch.no_grad():
            validation = float(error(model, x[valid], y[valid]))
            if validation < best:
                best, figure = validation, float(error(model, x[test], y[test]))
    return figure


def error(model: MultiTaskNetwork, x: Tensor, y: Tensor) -> Tensor:
    """Return the mean squared error over both tasks."""
    outputs = model({"inputs": x})
    return (torch.cat([outputs["a"], outputs["b"]], dim=1) - y).square().mean()


def main(
    seeds: int = 5,
    rows: int = 10000,
    epochs: int = 15,
    correlations: Sequence[float] = CORRELATIONS,
    scale: float = 0.3,
    frequency: float = 5.0,
) -> dict[float, np.ndarray]:
    """Print the errors, and return for each correlation [seeds, 2]: shared bottom and MMoE."""
    print("correlation  shared bottom    MMoE     gain               change of the gain from the first")
    table: dict[float, np.ndarray] = {}
    for correlation in correlations:
        runs = [
            [
                train(kind, correlation, seed, rows, epochs, scale, frequency)
                for kind in ("shared bottom", "MMoE")
            ]
            for seed in range(seeds)
        ]
        table[correlation] = np.array(runs)
        bottom, gated = table[correlation].mean(axis=0)
        print(f"{correlation:11.2f}{bottom:15.4f}{gated:8.4f}", end="   ")
        # Seed by seed: a seed has the same noise and the same start at every correlation.
        gain = gains(table[correlation])
        print(mean_and_error(gain), mean_and_error(gain - gains(next(iter(table.values())))), flush=True)
    return table


def gains(runs: np.ndarray) -> np.ndarray:
    """Return [seeds], by how much the error of MMoE is below that of the shared bottom."""
    return runs[:, 0] - runs[:, 1]


def mean_and_error(values: np.ndarray) -> str:
    """Return the mean over the seeds and its standard error."""
    error_of_mean = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{values.mean():+.4f} ± {error_of_mean:.4f}"


def draw(table: dict[float, np.ndarray], path: Path) -> None:
    """Draw the gain of the gates over the correlation, a dot per seed."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(5, 3.2))
    for correlation, runs in table.items():
        axes.plot([correlation] * len(runs), gains(runs), "o", color="0.6", markersize=4)
    axes.plot(list(table), [gains(runs).mean() for runs in table.values()], "k-o")
    axes.axhline(0, color="0.8", linewidth=1, zorder=0)
    axes.invert_xaxis()
    axes.set(xlabel="correlation of the tasks", ylabel="error of shared bottom − MMoE")
    figure.tight_layout()
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    pyplot.close(figure)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=10000)
    parser.add_argument("--epochs", type=int, default=15)
    parser.add_argument("--scale", type=float, default=0.3, help="length of the weight vectors")
    parser.add_argument("--frequency", type=float, default=5.0, help="highest frequency of the sines")
    parser.add_argument("--draw", type=Path, help="file to draw the gains into, needs matplotlib")
    arguments = vars(parser.parse_args())
    target = arguments.pop("draw")
    result = main(**arguments)
    if target is not None:
        draw(result, target)
