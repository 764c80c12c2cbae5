"""One rank of the data-parallel tests: run every check, write what came out as JSON.

python distributed_worker.py RANK WORLD_SIZE STORE OUT
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import FSDPModule, fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from cotrain._base import InvalidArgumentError
from cotrain.balancing import DWA, FAMO, Balancer, GradDrop, ReferenceScaled, UnitNorm, UPGrad
from cotrain.gradients import Balance, global_mean

TASKS = ("a", "b", "c")
ROWS = 12


class Net(nn.Module):
    def __init__(self, dtype: torch.dtype) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.encoder = nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, 6))
        self.heads = nn.ModuleList(nn.Linear(6, 1) for _ in TASKS)
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator) / 2)
        self.to(dtype)

    def forward(self, x: Tensor) -> list[Tensor]:
        z = torch.tanh(self.encoder(x))
        return [head(z)[:, 0] for head in self.heads]


def batch(step: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step + 1)
    x, y = (torch.randn(ROWS, width, generator=generator, dtype=torch.float64) for width in (5, 3))
    # Labels thin out towards the last rows, and the last ranks have none of task c.
    chance = torch.linspace(1, 0.4, ROWS)[:, None] * torch.tensor([1.0, 0.7, 0.6])
    mask = torch.rand(ROWS, 3, generator=generator) < chance
    mask[ROWS // 2 :, 2] = False
    mask[0] = True
    return x.to(dtype), (y * torch.tensor([1.0, 5.0, 0.3])).to(dtype), mask


def losses_of(
    model: nn.Module, step: int, rows: slice, dtype: torch.dtype, mean: Callable
) -> dict[str, Tensor]:
    x, y, mask = (part[rows] for part in batch(step, dtype))
    outputs = model(x)
    losses = {}
    for k, task in enumerate(TASKS):
        loss = mean((outputs[k] - y[:, k]).square(), mask[:, k])
        # FSDP2 wants the same losses on every rank, zeros included.
        if mask[:, k].any() or isinstance(model, FSDPModule):
            losses[task] = loss
    return losses


def local_mean(values: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, values, 0).sum() / mask.sum()


def full(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


METHODS: dict[str, Callable[[], Balancer]] = {
    "ReferenceScaled": lambda: ReferenceScaled([1.0, 25.0, 0.1]),
    "FAMO": FAMO,
    "DWA": DWA,
    "UnitNorm": UnitNorm,
    "UPGrad": UPGrad,
    "GradDrop": GradDrop,
}


def one_process(method: str, how: str, dtype: torch.dtype, poison: bool) -> Tensor:
    """Train on the joined batch."""
    net = Net(dtype)
    balance = Balance(METHODS[method](), net.encoder.parameters(), tasks=TASKS, source="exact")
    return train(
        net, net, balance, how.replace("no_sync", "backward"), dtype, slice(0, ROWS), local_mean, poison
    )


def train(
    net: nn.Module,
    model: nn.Module,
    balance: Balance,
    how: str,
    dtype: torch.dtype,
    rows: slice,
    mean: Callable,
    poison: bool,
) -> Tensor:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    for step in range(3):
        optimizer.zero_grad()
        if how == "no_sync":
            with model.no_sync():
                losses = losses_of(model, step, rows, dtype, mean)
        else:
            losses = losses_of(model, step, rows, dtype, mean)
        if poison and step == 1 and rows.start == 0:
            losses["b"] = losses["b"] * float("nan")
        if how.startswith("combine"):
            balance.combine(losses).backward()
        else:
            balance.backward(losses)
        optimizer.step()
    return torch.cat([full(parameter).detach().flatten() for parameter in net.parameters()])


def several_processes(method: str, engine: str, how: str, dtype: torch.dtype, poison: bool) -> Tensor:
    net = Net(dtype)
    model: nn.Module = net
    if engine == "ddp":
        model = DistributedDataParallel(net, find_unused_parameters=True)
    elif engine == "fsdp":
        fully_shard(net.encoder[0])
        fully_shard(net.encoder)
        fully_shard(net)
    balance = Balance(METHODS[method](), net.encoder.parameters(), tasks=TASKS, model=model)
    size = ROWS // dist.get_world_size()
    rows = slice(dist.get_rank() * size, (dist.get_rank() + 1) * size)
    return train(net, model, balance, how, dtype, rows, global_mean, poison)


def checks() -> list[tuple[str, str, str, torch.dtype, bool]]:
    f64, f32 = torch.float64, torch.float32
    found = []
    for method in METHODS:
        found.append((method, "plain", "backward", f64, False))
        if method != "GradDrop":  # entry by entry: there is no scalar, and no share of its own
            found.append((method, "ddp", "combine", f64, False))
            found.append((method, "fsdp", "backward", f64, False))
    found += [
        ("UPGrad", "ddp", "no_sync", f64, False),
        ("ReferenceScaled", "ddp", "backward", f64, False),
        ("UPGrad", "plain", "backward", f64, True),
        ("ReferenceScaled", "plain", "backward", f64, True),
        ("UPGrad", "plain", "backward", f32, False),
        ("UPGrad", "fsdp", "backward", f32, False),
        ("UPGrad", "ddp", "combine", f32, False),
    ]
    return found


def vetoes() -> dict[str, str]:
    said = {}
    x = torch.ones(2, 5, dtype=torch.float64)

    def attempt(name: str, action: Callable[[], None]) -> None:
        try:
            action()
            said[name] = "nothing"
        except InvalidArgumentError as error:
            said[name] = str(error)

    net = Net(torch.float64)
    ddp = DistributedDataParallel(net)
    balance = Balance(UPGrad(), net.encoder.parameters(), model=ddp)
    outputs = ddp(x)
    attempt(
        "gradient method in a synchronising pass",
        lambda: balance.backward(
            {task: out.square().mean() for task, out in zip(TASKS, outputs, strict=True)}
        ),
    )
    net = Net(torch.float64)
    ddp = DistributedDataParallel(net, find_unused_parameters=True)
    Balance(ReferenceScaled([1.0, 1.0, 1.0]), net.encoder.parameters(), model=ddp)

    def twice() -> None:
        outputs = ddp(x)
        for out in outputs:
            out.square().mean().backward(retain_graph=True)

    attempt("K plain backward calls", twice)
    net = Net(torch.float64)
    nameless = Balance(UPGrad(), net.encoder.parameters())
    attempt(
        "no model",
        lambda: nameless.backward({t: out.square().mean() for t, out in zip(TASKS, net(x), strict=True)}),
    )
    return said


def main() -> None:
    rank, n_ranks, store, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=n_ranks)
    results = {}
    for method, engine, how, dtype, poison in checks():
        got = several_processes(method, engine, how, dtype, poison)
        name = f"{method} {engine} {how} {str(dtype)[6:]}{' nan' if poison else ''}"
        results[name] = got.double().tolist()
    said = vetoes() if n_ranks == 2 else {}
    dist.barrier()
    dist.destroy_process_group()
    errors = {}
    for method, engine, how, dtype, poison in checks():
        name = f"{method} {engine} {how} {str(dtype)[6:]}{' nan' if poison else ''}"
        wanted = one_process(method, how, dtype, poison).double()
        got = torch.tensor(results[name], dtype=torch.float64)
        errors[name] = float((got - wanted).norm() / wanted.norm())
    out.write_text(json.dumps({"errors": errors, "said": said}))


if __name__ == "__main__":
    main()
