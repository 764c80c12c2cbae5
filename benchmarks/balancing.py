"""Cost of a balanced step beside a plain sum-of-losses step and beside torchjd.

Every way runs in turn within each repetition, on one thread; what is printed is the median over the
repetitions of the ratio of CPU times to the plain step of the same repetition, and behind it the target where
there is one. A step is zero_grad, forward, backward and one update, by SGD unless Adam is asked for. A case
ends after so many repetitions or seconds, so that all take about three minutes on a core of their own;
beside other work the ratios of ways that fill the cache come out too high.

"floor" is no way to train: it is the bare matrix products that K dense gradients through a chain of linear
layers cannot do without, written into memory that is there already, and the update. No heads, no activations,
no graph and no weights: what an exact Gramian costs beyond it is overhead.

    python benchmarks/balancing.py [--repetitions 15] [--seconds 45] [--only K=8] [--ways auto,exact]
        [--memory] [--optimizer adam] [--json]
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import time
from collections.abc import Callable

import torch
from balancing_networks import Transformer, VisionTransformer, lora, tokens
from torch import Tensor, nn

from cotrain.balancing import Equal, UPGrad
from cotrain.gradients import Balance


class Net(nn.Module):
    def __init__(
        self,
        encoder: nn.Module,
        width: int,
        n_tasks: int,
        x: Tensor,
        disjoint: bool,
        optimizer: type[torch.optim.Optimizer],
        labelled: float = 1,
        own_forward: bool = False,
    ) -> None:
        super().__init__()
        self.own_forward = own_forward
        self.encoder = encoder
        self.heads = nn.ModuleList(nn.Linear(width, 1) for _ in range(n_tasks))
        self.x = x
        self.y = torch.randn(len(x), n_tasks)
        owner = torch.arange(len(x)) % n_tasks
        self.rows = [torch.nonzero(owner == k).flatten() for k in range(n_tasks)] if disjoint else None
        self.mask = None if labelled == 1 else torch.rand(len(x), n_tasks) < labelled
        self.optimizer = optimizer(self.parameters(), lr=1e-3)

    def shared(self) -> list[Tensor]:
        return [parameter for parameter in self.encoder.parameters() if parameter.requires_grad]

    def losses(self) -> tuple[Tensor, dict[str, Tensor]]:
        if self.own_forward:  # a batch of its own for each task: one data set after another
            passes = [self.encoder(self.x.roll(k, 0)) for k in range(len(self.heads))]
            pairs = enumerate(zip(self.heads, passes, strict=True))
            return passes[0], {str(k): (h(z)[:, 0] - self.y[:, k]).square().mean() for k, (h, z) in pairs}
        z = self.encoder(self.x)
        losses = {}
        for k, head in enumerate(self.heads):
            zk, yk = (z, self.y) if self.rows is None else (z[self.rows[k]], self.y[self.rows[k]])
            errors = (head(zk)[:, 0] - yk[:, k]).square()
            if self.mask is None:
                losses[str(k)] = errors.mean()
            else:
                losses[str(k)] = torch.where(self.mask[:, k], errors, 0).sum() / self.mask[:, k].sum()
        return z, losses


def mlp(width: int) -> nn.Module:
    layers = [nn.Linear(64, width), nn.ReLU()]
    for _ in range(2):
        layers += [nn.Linear(width, width), nn.ReLU()]
    return nn.Sequential(*layers)


def conv() -> nn.Module:
    layers: list[nn.Module] = []
    for n_in, n_out in ((3, 16), (16, 32), (32, 64)):
        layers += [nn.Conv2d(n_in, n_out, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten())


def plain(net: Net) -> Callable[[], None]:
    def step() -> None:
        net.optimizer.zero_grad()
        _, losses = net.losses()
        torch.stack(list(losses.values())).sum().backward()
        net.optimizer.step()

    return step


def ours(net: Net, balance: Balance) -> Callable[[], None]:
    def step() -> None:
        net.optimizer.zero_grad()
        _, losses = net.losses()
        balance.backward(losses)
        net.optimizer.step()

    return step


def torchjd_passes(net: Net, chunk: int | None) -> Callable[[], None]:
    from torchjd.aggregation import UPGrad as Peer
    from torchjd.autojac import jac_to_grad, mtl_backward

    aggregator = Peer()

    def step() -> None:
        net.optimizer.zero_grad()
        z, losses = net.losses()
        mtl_backward(list(losses.values()), features=z, parallel_chunk_size=chunk)
        jac_to_grad(net.shared(), aggregator)
        net.optimizer.step()

    return step


def torchjd_own_forward(net: Net) -> Callable[[], None]:
    from torchjd.aggregation import UPGrad as Peer
    from torchjd.autojac import backward, jac_to_grad

    aggregator = Peer()

    def step() -> None:
        net.optimizer.zero_grad()
        _, losses = net.losses()
        backward(list(losses.values()), inputs=net.shared(), parallel_chunk_size=1)
        jac_to_grad(net.shared(), aggregator)
        net.optimizer.step()

    return step


def torchjd_gramian(net: Net) -> Callable[[], None]:
    from torchjd.aggregation import UPGradWeighting
    from torchjd.autogram import Engine

    weighting, engine = UPGradWeighting(), Engine(net.encoder, batch_dim=None)

    def step() -> None:
        net.optimizer.zero_grad()
        _, losses = net.losses()
        stacked = torch.stack(list(losses.values()))
        stacked.backward(weighting(engine.compute_gramian(stacked)))
        net.optimizer.step()

    return step


def floor(net: Net, n_tasks: int) -> Callable[[], None]:
    layers = [module for module in net.encoder if isinstance(module, nn.Linear)]
    weights = [layer.weight.detach() for layer in layers]
    n_rows = len(net.x)
    inputs = [net.x, *(torch.rand(n_rows, len(weight)) for weight in weights)]
    deltas = [torch.rand(n_tasks, n_rows, len(weight)) for weight in weights]
    halves = [torch.empty_like(delta) for delta in deltas]
    edges = range(0, n_rows + 1, n_rows // 4 if n_rows >= 128 else n_rows)
    blocks = list(itertools.pairwise(edges))
    rows = [torch.empty(n_tasks, *weight.T.shape) for weight in weights]
    share = torch.rand(1, n_tasks)
    _, losses = net.losses()
    torch.stack(list(losses.values())).sum().backward()

    def gramian(number: int) -> None:
        n_out, n_in = weights[number].shape
        a, delta, half = inputs[number], deltas[number], halves[number]
        if n_rows * (n_in / n_tasks + n_out) < n_in * n_out:  # through rows, or the K gradients themselves
            for start, stop in blocks:  # the lower half of a symmetric matrix is enough
                square = torch.mm(a[start:stop], a[:stop].T)
                torch.matmul(square, delta[:, :stop], out=half[:, start:stop])
            torch.mm(delta.view(n_tasks, -1), half.view(n_tasks, -1).T)
        else:
            torch.bmm(a.T.expand(n_tasks, -1, -1), delta, out=rows[number])
            torch.mm(rows[number].view(n_tasks, -1), rows[number].view(n_tasks, -1).T)

    @torch.no_grad()
    def step() -> None:
        for number, weight in enumerate(weights):
            torch.mm(inputs[number], weight.T, out=inputs[number + 1])
        for number in reversed(range(len(weights))):
            if number:
                out = deltas[number - 1].view(n_tasks * n_rows, -1)
                torch.mm(deltas[number].view(n_tasks * n_rows, -1), weights[number], out=out)
            gramian(number)
            combined = torch.mm(share, deltas[number].view(n_tasks, -1)).view(n_rows, -1)
            torch.mm(combined.T, inputs[number], out=layers[number].weight.grad)
        net.optimizer.step()

    return step


def ways(make: Callable[[bool], Net], n_tasks: int) -> dict[str, Callable[[], None]]:
    def balance(net: Net, **options: object) -> Balance:
        return Balance(UPGrad(), net.shared(), **options)  # type: ignore[arg-type]

    steps = {"plain": plain(make(False))}
    if make(False).own_forward:
        steps["torchjd chunk=1"] = torchjd_own_forward(make(False))
        for name in ("exact", "auto"):
            net = make(False)
            steps[name] = ours(net, balance(net, source=name))
        return steps
    steps["torchjd default"] = torchjd_passes(make(False), None)
    steps["torchjd chunk=1"] = torchjd_passes(make(False), 1)
    steps["torchjd autogram"] = torchjd_gramian(make(False))
    for name, options in {
        "exact": {"source": "exact"},
        "ghost": {"source": "ghost"},
        "auto": {"source": "auto"},
        "representation": {"source": "representation"},
        "every 10": {"source": "auto", "every": 10},
    }.items():
        net = make(False)
        steps[name] = ours(net, balance(net, **options))
    net = make(False)
    layers = [module for module in net.encoder.modules() if isinstance(module, (nn.Linear, nn.Conv2d))]
    last = [layer for layer in layers if layer.weight.requires_grad][-1]
    steps["last layer"] = ours(net, balance(net, source=[last]))
    net = make(False)
    steps["losses only"] = ours(net, Balance(Equal(), net.encoder.parameters()))
    if net.mask is None:
        net = make(True)
        steps["disjoint: plain"] = plain(make(True))
        steps["disjoint"] = ours(net, balance(net, source="disjoint"))
        if isinstance(net.encoder, nn.Sequential) and isinstance(net.encoder[0], nn.Linear):
            steps["floor"] = floor(make(False), n_tasks)
    return steps


def peak_mb(step: Callable[[], None]) -> float:
    """Return the most memory that steps take beyond what the network had before, in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        before = _status("VmRSS")
        for _ in range(2):
            step()
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")  # the peak is counted anew
        for _ in range(2):
            step()
        os.write(writing, str(_status("VmHWM") - before).encode())
        os._exit(0)
    os.waitpid(child, 0)
    found = float(os.read(reading, 100))
    os.close(reading)
    os.close(writing)
    return found


def _status(name: str) -> float:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1024 for line in file if line.startswith(name))


def measure(steps: dict[str, Callable[[], None]], repetitions: int, seconds: float) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in steps}
    began = time.monotonic()
    for repetition in range(repetitions + 2):
        if repetition >= 5 and time.monotonic() - began > seconds:
            break
        for name, step in steps.items():
            # A step that reuses weights is cheap nine times out of ten: count all ten.
            n_steps = 10 if name == "every 10" else 1
            start = time.process_time()
            for _ in range(n_steps):
                step()
            if repetition >= 2:
                times[name].append((time.process_time() - start) / n_steps)
    result = {}
    for name, values in times.items():
        apart = name.startswith("disjoint") and "disjoint: plain" in times
        base = times["disjoint: plain" if apart else "plain"]
        result[name] = statistics.median(a / b for a, b in zip(values, base, strict=True))
    result["plain, ms"] = 1e3 * statistics.median(times["plain"])
    return result


#: Which part of the labels is there, by the end of a case's name.
LABELLED = {", half of the labels": 0.5}

CASES: list[tuple[str, int, Callable[[], tuple[nn.Module, int, Tensor]]]] = [
    *(
        (f"mlp 3x512, B=256, K={k}", k, lambda: (mlp(512), 512, torch.randn(256, 64)))
        for k in (2, 4, 8, 16, 40)
    ),
    ("mlp 3x512, B=32, K=8", 8, lambda: (mlp(512), 512, torch.randn(32, 64))),
    ("mlp 3x1024, B=32, K=16", 16, lambda: (mlp(1024), 1024, torch.randn(32, 64))),
    ("conv 16-32-64, B=32, K=4", 4, lambda: (conv(), 1024, torch.randn(32, 3, 32, 32))),
    ("conv 16-32-64, B=32, K=8", 8, lambda: (conv(), 1024, torch.randn(32, 3, 32, 32))),
    *(
        (f"transformer 4x128, S=64, B=16, K={k}", k, lambda: (Transformer(), 128, tokens()))
        for k in (2, 4, 8, 40)
    ),
    ("LoRA on the transformer, K=8", 8, lambda: (lora(), 128, tokens())),
    ("ViT 3x64, B=16, K=8", 8, lambda: (VisionTransformer(), 64, torch.randn(16, 3, 32, 32))),
    ("transformer, own forward per task, K=8", 8, lambda: (Transformer(), 128, tokens())),
    ("mlp 3x512, B=256, K=8, half of the labels", 8, lambda: (mlp(512), 512, torch.randn(256, 64))),
]


OWN_FORWARD = "own forward per task"

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}

#: The most that a way may cost, by case: exact answers by "auto" first.
TARGETS: dict[str, dict[str, float]] = {
    "mlp 3x512, B=256, K=8": {"auto": 4.0, "every 10": 1.4},
    "mlp 3x512, B=256, K=40": {"auto": 12.0},
    "mlp 3x512, B=32, K=8": {"auto": 1.95},
    "mlp 3x1024, B=32, K=16": {"auto": 2.9},
    "transformer, own forward per task, K=8": {"auto": 1.3},
    **{f"transformer 4x128, S=64, B=16, K={k}": {"disjoint": 1.8} for k in (2, 4, 8)},
    **{name: {} for name in ("mlp 3x512, B=256, K=2", "mlp 3x512, B=256, K=4", "mlp 3x512, B=256, K=16")},
}
for _name, _targets in TARGETS.items():
    if "B=256" in _name and "labels" not in _name:
        _targets["disjoint"] = 1.5
        if int(_name.rpartition("=")[2]) <= 8:
            _targets |= {"representation": 1.1, "losses only": 1.03}


def judged(name: str, ratios: dict[str, float]) -> dict[str, dict[str, object]]:
    """Put the target beside each figure; no exact answer may cost more than torchjd's best."""
    peer = min((ratio for way, ratio in ratios.items() if way.startswith("torchjd")), default=float("inf"))
    targets = TARGETS.get(name, {})
    found: dict[str, dict[str, object]] = {}
    for way, ratio in ratios.items():
        limit = targets.get(way)
        if way == "auto":
            limit = peer if limit is None else min(limit, peer)
        found[way] = {"ratio": round(ratio, 3)}
        if limit is not None:
            found[way] |= {"target": round(limit, 3), "met": ratio <= limit}
    return found


def line(way: str, found: dict[str, object]) -> str:
    """Return one figure with its target."""
    text = f"   {way:18s}{found['ratio']:8.2f}"
    if "peak_mb" in found:
        text += f"{found['peak_mb']:10.1f} MB"
    if "target" not in found:
        return text
    return f"{text}   target {found['target']:.2f}{'' if found['met'] else '   MISSED'}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--only", default="", help="run the cases whose name contains this")
    parser.add_argument("--ways", default="", help="run these ways only, beside the plain step: auto,exact")
    parser.add_argument("--memory", action="store_true", help="measure peaks of memory, too (Linux)")
    parser.add_argument("--seconds", type=float, default=45, help="no more than about this for each case")
    parser.add_argument(
        "--optimizer", choices=OPTIMIZERS, default="sgd", help="of every step, the plain one too"
    )
    parser.add_argument(
        "--json", action="store_true", help="print the figures as JSON at the end, nothing else"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    report = []
    for name, n_tasks, parts in CASES:
        if arguments.only not in name:
            continue
        labelled = next((share for end, share in LABELLED.items() if name.endswith(end)), 1.0)

        def make(disjoint: bool, parts=parts, n_tasks=n_tasks, labelled=labelled, name=name) -> Net:  # type: ignore[no-untyped-def]
            torch.manual_seed(0)
            encoder, width, x = parts()
            own = OWN_FORWARD in name
            return Net(encoder, width, n_tasks, x, disjoint, OPTIMIZERS[arguments.optimizer], labelled, own)

        steps = ways(make, n_tasks)
        if arguments.ways:
            steps = {way: s for way, s in steps.items() if way in ("plain", *arguments.ways.split(","))}
        peaks = {way: peak_mb(step) for way, step in steps.items()} if arguments.memory else {}
        ratios = measure(steps, arguments.repetitions, arguments.seconds)
        plain_ms = ratios.pop("plain, ms")
        found = judged(name, ratios)
        for way, peak in peaks.items():
            found[way]["peak_mb"] = round(peak, 1)
        report.append({"case": name, "plain_ms": round(plain_ms, 3), "ways": found})
        if not arguments.json:
            print(f"{name} (plain {plain_ms:.2f} ms with {arguments.optimizer})", flush=True)
            print("\n".join(line(way, figures) for way, figures in found.items()), flush=True)
    if arguments.json:
        print(
            json.dumps(
                {"torch": torch.__version__, "optimizer": arguments.optimizer, "cases": report}, indent=1
            )
        )


if __name__ == "__main__":
    main()
