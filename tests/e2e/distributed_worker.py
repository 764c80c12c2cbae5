"""One rank of the data-parallel tests: run every cell, write what came out as JSON.

python distributed_worker.py RANK WORLD_SIZE STORE OUT [PART]

A cell is a method, a way to end the step, a wrapper with its way to synchronise, and an option. PART is what
the name of a cell has to hold, or "quick", or "rest": all that "quick" leaves out.
"""

from __future__ import annotations

import contextlib
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.parallel import DistributedDataParallel

from cotrain._base import InvalidArgumentError
from cotrain.balancing import (
    DWA,
    FAMO,
    Balancer,
    Every,
    GradDrop,
    ReferenceScaled,
    SDMGrad,
    Uncertainty,
    UnitNorm,
    UPGrad,
)
from cotrain.gradients import Balance, Monitor, global_mean

TASKS = ("a", "b", "c")
ROWS = 24
STEPS = 3

METHODS: dict[str, Callable[[list[float] | None], Balancer]] = {
    "ReferenceScaled": lambda p: ReferenceScaled([1.0, 25.0, 0.1], preference=p),
    "Uncertainty": lambda p: Uncertainty(preference=p),
    "FAMO": lambda p: FAMO(preference=p),
    "DWA": lambda p: DWA(preference=p),
    "UnitNorm": lambda p: UnitNorm(preference=p),
    "UPGrad": lambda p: UPGrad(preference=p),
    "Every(UPGrad)": lambda p: Every(UPGrad(preference=p), k=2),
    "GradDrop": lambda p: GradDrop(preference=p),
    "SDMGrad": lambda p: SDMGrad(preference=p),
}
OPTIONS = ("", "every 2", "monitor", "regulariser", "preference", "all of them", "nan")
#: Wrapper and how it synchronises.
WRAPPERS = (
    "plain",
    "ddp sync",
    "ddp no_sync",
    "ddp static_graph",
    "ddp static_graph no_sync",
    "ddp find_unused",
    "ddp find_unused no_sync",
    "ddp bucket_view",
    "fsdp default",
    "fsdp keep",
    "fsdp reshard_root",
)


@dataclass(frozen=True)
class Cell:
    method: str
    how: str
    wrapper: str
    option: str = ""
    dtype: torch.dtype = torch.float64

    @property
    def name(self) -> str:
        dtype = "" if self.dtype == torch.float64 else str(self.dtype)[6:]
        return " / ".join(filter(None, (self.method, self.how, self.wrapper, self.option, dtype)))

    def has(self, option: str) -> bool:
        return self.option == option or (self.option == "all of them" and option != "nan")


def cells() -> Iterator[Cell]:
    for method in METHODS:
        for how in ("backward", "combine"):
            # What `combine` returns is for an engine that averages, or for a loop that does so itself.
            for wrapper in ("averaged by hand", *WRAPPERS[1:]) if how == "combine" else WRAPPERS:
                for option in OPTIONS:
                    yield Cell(method, how, wrapper, option)
                if method in ("UnitNorm", "UPGrad", "Every(UPGrad)"):
                    yield Cell(method, how, wrapper, "groups")
    for how, wrapper in (("backward", "plain"), ("backward", "fsdp default"), ("combine", "ddp sync")):
        yield Cell("UPGrad", how, wrapper, dtype=torch.float32)


def chosen_by(part: str) -> list[Cell]:
    if part in ("quick", "rest"):
        return [cell for cell in cells() if is_quick(cell) == (part == "quick")]
    return [cell for cell in cells() if part in cell.name]


def is_quick(cell: Cell) -> bool:
    methods = ("Uncertainty", "UPGrad", "Every(UPGrad)", "GradDrop")
    return cell.method in methods and cell.option in ("", "all of them", "nan", "groups")


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

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        z = torch.tanh(self.encoder(x))
        return z, [head(z)[:, 0] for head in self.heads]


def batch(number: int, dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(number + 1)
    x, y = (torch.randn(ROWS, width, generator=generator, dtype=torch.float64) for width in (5, 3))
    # Labels thin out towards the last rows, and the last ranks have none of task c.
    chance = torch.linspace(1, 0.4, ROWS)[:, None] * torch.tensor([1.0, 0.7, 0.6])
    mask = torch.rand(ROWS, 3, generator=generator) < chance
    mask[ROWS // 2 :, 2] = False
    mask[0] = True
    return x.to(dtype), (y * torch.tensor([1.0, 5.0, 0.3])).to(dtype), mask


def local_mean(values: Tensor, mask: Tensor) -> Tensor:
    return torch.where(mask, values, 0).sum() / mask.sum()


def losses_of(
    model: nn.Module, number: int, rows: slice, cell: Cell, mean: Callable[..., Tensor]
) -> tuple[dict[str, Tensor], Tensor]:
    """Return the losses, and a penalty on the representation."""
    x, y, mask = (part[rows] for part in batch(number, cell.dtype))
    z, outputs = model(x)
    losses = {}
    # A rank without a label leaves the task out, except where its engine wants all parameters at every step.
    unused_is_fine = "find_unused" in cell.wrapper or (cell.how == "backward" and "no_sync" in cell.wrapper)
    everything = cell.wrapper not in ("plain", "averaged by hand") and not unused_is_fine
    for k, task in enumerate(TASKS):
        loss = mean((outputs[k] - y[:, k]).square(), mask[:, k])
        if mask[:, k].any() or (everything and mean is global_mean):
            losses[task] = loss
    if cell.has("nan") and number == 2 and rows.start == 0:
        losses["b"] = losses["b"] * float("nan")
    return losses, z.square().mean() / 4


def train(
    net: nn.Module,
    model: nn.Module,
    balance: Balance,
    cell: Cell,
    *,
    rows: slice,
    mean: Callable[..., Tensor],
) -> Tensor:
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
    unsynchronised = getattr(model, "no_sync", contextlib.nullcontext)
    no_sync = "no_sync" in cell.wrapper

    def given(number: int, inside: Any) -> tuple[list[dict[str, Tensor]], Tensor | None]:
        with inside():
            batches = [
                losses_of(model, number + 100 * extra, rows, cell, mean)
                for extra in range(balance.balancer.batches)
            ]
        return [losses for losses, _ in batches], batches[0][1] if cell.has("regulariser") else None

    for step in range(STEPS):
        optimizer.zero_grad()
        if cell.how == "combine":
            # Without averaging as in an accumulation of gradients: only the last pass synchronises.
            if no_sync:
                losses, regulariser = given(2 * step, unsynchronised)
                with unsynchronised():
                    balance.combine(*losses, regulariser=regulariser).backward()
            losses, regulariser = given(2 * step + 1, contextlib.nullcontext)
            balance.combine(*losses, regulariser=regulariser).backward()
        else:
            inside = unsynchronised if no_sync else contextlib.nullcontext
            losses, regulariser = given(2 * step, inside)
            balance.backward(*losses, regulariser=regulariser)
        if cell.wrapper == "averaged by hand" and mean is global_mean:
            average(net)
        optimizer.step()
    return torch.cat([full(parameter).detach().flatten() for parameter in net.parameters()])


def average(net: nn.Module) -> None:
    """Average the gradients over the ranks, as a loop does that has no engine for it."""
    for parameter in net.parameters():
        grad = torch.zeros_like(parameter) if parameter.grad is None else parameter.grad
        dist.all_reduce(grad)
        parameter.grad = grad / dist.get_world_size()


def full(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def wrapped(net: Net, wrapper: str) -> nn.Module:
    if wrapper.startswith("ddp"):
        return DistributedDataParallel(
            net,
            find_unused_parameters="find_unused" in wrapper,
            static_graph="static_graph" in wrapper,
            gradient_as_bucket_view="bucket_view" in wrapper,
        )
    if wrapper.startswith("fsdp"):
        inner = {"reshard_after_forward": False} if wrapper == "fsdp keep" else {}
        outer = {"reshard_after_forward": True} if wrapper == "fsdp reshard_root" else inner
        fully_shard(net.encoder[0], **inner)
        fully_shard(net.encoder, **inner)
        fully_shard(net, **outer)
    return net


def balance_of(net: Net, model: nn.Module | None, cell: Cell, **options: Any) -> Balance:
    return Balance(
        METHODS[cell.method]([1.0, 2.0, 3.0] if cell.has("preference") else None),
        net.encoder.parameters(),
        tasks=TASKS,
        model=model,
        # What goes entry by entry has no weights to use again, and is refused.
        every=2 if cell.has("every 2") and cell.method != "GradDrop" else 1,
        monitor=Monitor(every=2) if cell.has("monitor") else None,
        groups={"first": net.encoder[0]} if cell.option == "groups" else None,
        **options,
    )


def one_process(cell: Cell) -> Tensor:
    """Train on the joined batch."""
    net = Net(cell.dtype)
    balance = balance_of(net, None, cell, source="exact")
    return train(net, net, balance, cell, rows=slice(0, ROWS), mean=local_mean)


def several_processes(cell: Cell) -> Tensor:
    net = Net(cell.dtype)
    model = wrapped(net, cell.wrapper)
    size = ROWS // dist.get_world_size()
    rows = slice(dist.get_rank() * size, (dist.get_rank() + 1) * size)
    # For `combine` the network is not needed, so it has to be right without it.
    known = model if cell.how == "backward" or cell.option == "monitor" else None
    return train(net, model, balance_of(net, known, cell), cell, rows=rows, mean=global_mean)


def vetoes() -> dict[str, str]:
    said = {}
    x = torch.ones(2, 5, dtype=torch.float64)

    def attempt(name: str, action: Callable[[], object]) -> None:
        try:
            action()
            said[name] = "nothing"
        except InvalidArgumentError as error:
            said[name] = str(error)

    def losses(model: nn.Module) -> dict[str, Tensor]:
        return {task: out.square().mean() for task, out in zip(TASKS, model(x)[1], strict=True)}

    net = Net(torch.float64)
    ddp = DistributedDataParallel(net)
    balance = Balance(UPGrad(), net.encoder.parameters(), model=ddp)
    given = losses(ddp)
    attempt("gradient method in a synchronising pass", lambda: balance.backward(given))
    net = Net(torch.float64)
    ddp = DistributedDataParallel(net, find_unused_parameters=True)
    Balance(ReferenceScaled([1.0, 1.0, 1.0]), net.encoder.parameters(), model=ddp)

    def twice() -> None:
        for loss in losses(ddp).values():
            loss.backward(retain_graph=True)

    attempt("K plain backward calls", twice)
    for method in (UPGrad(), ReferenceScaled([1.0, 1.0, 1.0])):
        net = Net(torch.float64)
        nameless = Balance(method, net.encoder.parameters())
        attempt(f"no model, {type(method).__name__}", lambda b=nameless, n=net: b.backward(losses(n)))
    return said


def main() -> None:
    rank, n_ranks, store, out = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], Path(sys.argv[4])
    part = sys.argv[5] if len(sys.argv) > 5 else ""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=n_ranks)
    chosen = chosen_by(part)
    results: dict[str, Tensor | str] = {}
    for cell in chosen:
        try:
            results[cell.name] = several_processes(cell)
        except InvalidArgumentError as error:
            results[cell.name] = str(error)
    said = vetoes() if part in ("", "quick", "rest") else {}
    dist.barrier()
    dist.destroy_process_group()
    errors, refused = {}, {}
    for cell in chosen:
        got = results[cell.name]
        if isinstance(got, str):
            refused[cell.name] = got
            continue
        wanted = one_process(cell).double()
        errors[cell.name] = float((got.double() - wanted).norm() / wanted.norm())
    out.write_text(json.dumps({"errors": errors, "refused": refused, "said": said}))


if __name__ == "__main__":
    main()
