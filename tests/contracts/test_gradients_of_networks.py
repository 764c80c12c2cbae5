"""On networks and loops of many fields every source gives what K plain passes give, or refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cotrain._base import CotrainError
from cotrain.balancing import GramianRule
from cotrain.gradients import Balance

from .gradient_networks import NETWORKS

N_TASKS = 3


class Inverse(GramianRule):
    """A small rule that depends on every entry of the Gramian."""

    def _solve(self, gramian_AA, losses_A, preference_A, index_A):
        return preference_A * np.linalg.solve(gramian_AA + np.eye(len(losses_A)), np.ones(len(losses_A)))


class Loop(nn.Module):
    """A network with a linear head and a squared error for each task.

    Args:
        name: of the network.
        disjoint: whether each row belongs to one task.
    """

    def __init__(self, name: str, disjoint: bool) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.body, self.inputs = NETWORKS[name]()
            self.body.to(torch.float64 if self.body_is_real() else torch.complex128)
            for parameter in self.body.parameters():
                if parameter.requires_grad and parameter.ndim < 3 and "orthogonal" not in name:
                    parameter.data += 0.3 * torch.randn_like(parameter)
            width = self.z().shape[1]
            self.heads = nn.ModuleList(nn.Linear(width, 1) for _ in range(N_TASKS)).double()
        self.disjoint = disjoint
        self.to_watch: list[Tensor] = []

    def body_is_real(self) -> bool:
        return not any(parameter.is_complex() for parameter in self.body.parameters())

    def z(self) -> Tensor:
        with torch.random.fork_rng():
            torch.manual_seed(1)  # dropout
            return self.body(self.inputs)

    def losses(self) -> dict[str, Tensor]:
        z = self.z()
        self.to_watch = getattr(self.body, "watched", [])
        losses = {}
        for k, head in enumerate(self.heads):
            rows = torch.arange(len(z))
            out = head(z[rows[k::N_TASKS]] if self.disjoint else z)[:, 0]
            losses[f"t{k}"] = (out - torch.linspace(-1, k, len(out))).square().mean() * (k + 1)
        return losses

    def shared(self) -> list[nn.Parameter]:
        return list(self.body.parameters())


def real(grad: Tensor | None, like: Tensor) -> Tensor:
    grad = torch.zeros_like(like) if grad is None else grad.to_dense()
    return (torch.view_as_real(grad.resolve_conj()) if grad.is_complex() else grad).double()


def literal(loop: Loop, looked_at: list[nn.Parameter]) -> dict[str, Tensor]:
    """Return every gradient by one plain pass per task, and the gradients that were asked to be kept."""
    losses = loop.losses()
    shared = [p for p in loop.shared() if p.requires_grad]
    own = list(loop.heads.parameters())
    rows, seen, owned = [], [], {}
    for loss in losses.values():
        grads = torch.autograd.grad(loss, [*shared, *own], retain_graph=True, allow_unused=True)
        parts = [real(g, p) for g, p in zip(grads, shared, strict=False)]
        rows.append(torch.cat([part.flatten() for part in parts]))
        chosen = {id(p) for p in looked_at}
        seen.append(torch.cat([v.flatten() for v, p in zip(parts, shared, strict=True) if id(p) in chosen]))
        for p, g in zip(own, grads[len(shared) :], strict=True):
            if g is not None:
                owned[id(p)] = owned.get(id(p), 0) + g
    j, part = torch.stack(rows), torch.stack(seen)
    values = torch.stack(list(losses.values())).detach().numpy()
    weights = torch.from_numpy(Inverse().weights(values, (part @ part.T).numpy()))
    update, found, start = weights @ j, {}, 0
    for number, p in enumerate(shared):
        size = real(p.detach(), p).numel()
        found[f"shared {number}"] = update[start : start + size]
        start += size
    for number, p in enumerate(own):
        found[f"own {number}"] = owned[id(p)].flatten()
    for number, tensor in enumerate(loop.to_watch):
        found[f"kept {number}"] = tensor.grad.flatten()
    return {"weights": weights, **found}


def balanced(loop: Loop, source: str | list[nn.Module]) -> dict[str, Tensor]:
    balance = Balance(Inverse(), loop.shared(), source=source)
    balance.backward(loop.losses())
    shared = [p for p in loop.shared() if p.requires_grad]
    found = {f"shared {n}": real(p.grad, p).flatten() for n, p in enumerate(shared)}
    found |= {f"own {n}": real(p.grad, p).flatten() for n, p in enumerate(loop.heads.parameters())}
    for number, tensor in enumerate(loop.to_watch):
        assert tensor.grad is not None, "retain_grad was not heard"
        found[f"kept {number}"] = tensor.grad.flatten()
    return {"weights": balance.weights, **found}


@pytest.mark.parametrize("source", ["exact", "ghost", "auto", "disjoint", "auto, disjoint rows", "modules"])
@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.filterwarnings("ignore")
def test_equals_plain_passes_or_is_refused(name, source):
    disjoint = "disjoint" in source
    loop, plain = Loop(name, disjoint), Loop(name, disjoint)
    parts = [module for module in loop.body.modules() if any(True for _ in module.parameters(False))]
    looked_at = plain.shared()
    if source == "modules":
        if not parts:
            pytest.skip("no module holds a parameter")
        places = {id(p): n for n, p in enumerate(loop.shared())}
        looked_at = [plain.shared()[places[id(p)]] for p in parts[-1].parameters(False)]
        looked_at = [p for p in looked_at if p.requires_grad]
        if not looked_at:
            pytest.skip("the last module is frozen")
    refusal, got = "", {}
    try:
        got = balanced(loop, [_Part(parts[-1])] if source == "modules" else source.split(",")[0])
    except CotrainError as error:
        refusal = str(error)
    if refusal:
        assert name in REFUSED.get(source, set()) | REFUSED["all"], refusal
        assert "\n" not in refusal
        return
    expected = literal(plain, looked_at)
    assert got.keys() == expected.keys()
    for key, wanted in expected.items():
        scale = float(wanted.abs().max()) + 1e-3
        torch.testing.assert_close(
            got[key], wanted, rtol=0, atol=1e-6 * scale, msg=lambda m, k=key: f"{k}: {m}"
        )


class _Part(nn.Module):
    """The parameters of one module, without those of its children."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        for number, parameter in enumerate(module.parameters(False)):
            self.register_parameter(str(number), parameter)


#: Where a sentence is right: what no gradient of a single task can pass, and what mixes the rows of a batch
#: or is not known to keep them apart.
REFUSED: dict[str, set[str]] = {
    "all": {"reentrant checkpointing"},
    "disjoint": {
        "bilinear",
        "hypernetwork",
        "weight tied to its transpose",
        "GRU",
        "RNN",
        "GCN",
        "GAT",
        "messages by index",
        "ResNet",
        "ResNet, group norm",
        "instance norm, pixel shuffle",
        "embedding scaled by frequency",
        "complex parameters",
        "complex layer",
        "Fourier filter",
        "real matrix in a complex product",
        "written in place",
        "weight norm",
        "spectral norm",
        "orthogonal",
        "step of an inner loop",
        "split, unbind, gather, where",
        "distances and logsumexp",
    },
}
