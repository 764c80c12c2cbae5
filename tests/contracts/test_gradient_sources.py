"""Every exact source gives the gradient that K literal passes give, on every kind of network."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from cotrain.balancing import GramianRule, NormRule
from cotrain.gradients import Balance


class Inverse(GramianRule):
    """A small rule that depends on every entry of the Gramian."""

    def _solve(self, gramian_AA, losses_A, preference_A, index_A):
        return preference_A * np.linalg.solve(gramian_AA + np.eye(len(losses_A)), np.ones(len(losses_A)))


class UnitLength(NormRule):
    def _solve(self, norms_A, losses_A, preference_A, index_A):
        return 1 / norms_A


class Case(nn.Module):
    """A network with K scalar losses; `forward` gives the losses, `shared` what is compared."""

    def __init__(self, encoder: nn.Module, inputs: Tensor, width: int, n_tasks: int = 3) -> None:
        super().__init__()
        self.encoder = encoder
        self.heads = nn.ModuleList(nn.Linear(width, 1) for _ in range(n_tasks))
        self.inputs = inputs
        self.targets = torch.linspace(-1, 1, len(inputs) * n_tasks, dtype=torch.float64).view(-1, n_tasks)

    def shared(self) -> list[nn.Parameter]:
        return list(self.encoder.parameters())

    def forward(self) -> dict[str, Tensor]:
        z = self.encoder(self.inputs)
        return {f"t{k}": self.loss(z, k) for k in range(len(self.heads))}

    def loss(self, z: Tensor, k: int) -> Tensor:
        return (k + 1) * (self.heads[k](z)[:, 0] - self.targets[:, k]).square().mean()


class Tied(nn.Module):
    """One layer used three times, once transposed."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)
        self.out = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.tanh(self.layer(torch.relu(self.layer(x))))
        return self.out(x @ self.layer.weight + 0.5 * x)


class Functional(nn.Module):
    """Parameters read in ways that no layer has."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(4, 5))
        self.scale = nn.Parameter(torch.empty(5))
        self.unused = nn.Parameter(torch.empty(3))

    def forward(self, x: Tensor) -> Tensor:
        x = functional.gelu(x @ self.weight) * self.scale + self.scale.cumsum(0)
        return torch.cat([x, x.softmax(-1)], 1)


class Tokens(nn.Module):
    def __init__(self, pooled: bool) -> None:
        super().__init__()
        self.pooled = pooled
        self.table = nn.Embedding(9, 4, padding_idx=0)
        self.bag = nn.EmbeddingBag(9, 4, mode="mean", padding_idx=0)
        self.norm = nn.LayerNorm(4)
        self.mix = nn.Linear(4, 4)

    def forward(self, tokens: Tensor) -> Tensor:
        if self.pooled:
            return self.mix(self.bag(tokens))
        return functional.silu(self.mix(self.norm(self.table(tokens)))).mean(1)


class Attention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.TransformerEncoderLayer(4, 2, 8, dropout=0.0, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x).amax(1)


class Nested(Case):
    """Later tasks read deeper features and the earlier ones at once."""

    def forward(self) -> dict[str, Tensor]:
        first = torch.tanh(self.encoder[0](self.inputs))
        second = torch.tanh(self.encoder[1](first))
        return {"t0": self.loss(first, 0), "t1": self.loss(second, 1), "t2": self.loss(first * second, 2)}


class Tree(Case):
    """A branch that two of the tasks share."""

    def forward(self) -> dict[str, Tensor]:
        trunk = torch.tanh(self.encoder[0](self.inputs))
        branch = torch.relu(self.encoder[1](trunk))
        alone = self.encoder[2](trunk)
        return {"t0": self.loss(branch, 0), "t1": self.loss(branch, 1), "t2": self.loss(alone, 2)}


class OwnBatches(Case):
    """Each task brings a batch and a forward pass of its own."""

    def forward(self) -> dict[str, Tensor]:
        return {f"t{k}": self.loss(self.encoder(self.inputs + k), k) for k in range(3)}


class OneTensor(Case):
    """The losses are slices of one tensor."""

    def forward(self) -> dict[str, Tensor]:
        losses = torch.stack(list(super().forward().values()))
        return {f"t{k}": losses[k] for k in range(3)}


class Frozen(Case):
    def __init__(self, *args, **options) -> None:
        super().__init__(*args, **options)
        self.encoder[0].weight.requires_grad_(False)


class PartlyLabelled(Case):
    """Rows without a label of a task, which send nothing."""

    def loss(self, z: Tensor, k: int) -> Tensor:
        errors = (self.heads[k](z)[:, 0] - self.targets[:, k]).square()
        labelled = (torch.arange(len(errors)) * (k + 3)) % 7 < 3
        return (k + 1) * torch.where(labelled, errors, 0.0).sum() / labelled.sum().clamp(min=1)


class Custom(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: Tensor) -> Tensor:
        return x * 2

    @staticmethod
    def backward(ctx, grad: Tensor) -> Tensor:
        return grad * 2


class Python(Case):
    def forward(self) -> dict[str, Tensor]:
        z = Custom.apply(self.encoder(self.inputs))
        return {f"t{k}": self.loss(z, k) for k in range(3)}


def mlp(n_in: int = 4, width: int = 5) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, 6), nn.Tanh(), nn.Linear(6, width, bias=False), nn.ReLU())


def wide(*widths: int) -> nn.Sequential:
    layers = [layer for a, b in itertools.pairwise(widths) for layer in (nn.Linear(a, b), nn.ReLU())]
    return nn.Sequential(*layers)


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)


def tokens() -> Tensor:
    return torch.randint(0, 9, (7, 5), generator=torch.Generator().manual_seed(3))


def linears(*widths: int) -> nn.Sequential:
    return nn.Sequential(*(nn.Linear(a, b) for a, b in itertools.pairwise(widths)))


def conv_net() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3, stride=2, groups=2),
        nn.ReLU(),
        nn.Conv2d(4, 5, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
    )


CASES: dict[str, Callable[[], Case]] = {
    "mlp": lambda: Case(mlp(), numbers(7, 4), 5),
    "many rows": lambda: Case(mlp(), numbers(130, 4), 5),
    "wide layers": lambda: Case(linears(40, 30, 5), numbers(100, 40), 5),
    "some labels": lambda: PartlyLabelled(mlp(), numbers(7, 4), 5),
    "some labels, many rows": lambda: PartlyLabelled(wide(8, 160, 200, 160), numbers(130, 8), 160),
    "some labels, few rows": lambda: PartlyLabelled(wide(160, 200, 160), numbers(60, 160), 160, n_tasks=10),
    "some labels, wide layers": lambda: PartlyLabelled(
        wide(300, 300, 300), numbers(100, 300), 300, n_tasks=6
    ),
    "some labels, sequences": lambda: PartlyLabelled(
        nn.Sequential(wide(8, 200, 200), nn.Flatten(), nn.Linear(600, 5)), numbers(60, 3, 8), 5
    ),
    "some labels, tied weights": lambda: PartlyLabelled(
        nn.Sequential(nn.Linear(8, 200), *[nn.Linear(200, 200)] * 2), numbers(130, 8), 200
    ),
    "some labels, rows mixed": lambda: PartlyLabelled(
        nn.Sequential(nn.Linear(8, 160), nn.BatchNorm1d(160), nn.Linear(160, 160)), numbers(130, 8), 160
    ),
    "batch of one": lambda: Case(mlp(), numbers(1, 4), 5),
    "one task": lambda: Case(mlp(), numbers(7, 4), 5, n_tasks=1),
    "forty tasks": lambda: Case(mlp(), numbers(7, 4), 5, n_tasks=40),
    "tied weights": lambda: Case(Tied(), numbers(7, 4), 5),
    "functional": lambda: Case(Functional(), numbers(7, 4), 10),
    "conv": lambda: Case(conv_net(), numbers(3, 2, 9, 9), 5),
    "conv, evaluation mode": lambda: Case(conv_net().eval(), numbers(3, 2, 9, 9), 5),
    "conv, small maps": lambda: Case(
        nn.Sequential(nn.Conv2d(9, 9, 3), nn.ReLU(), nn.Conv2d(9, 9, 3), nn.Flatten()), numbers(2, 9, 5, 5), 9
    ),
    "conv 1d": lambda: Case(
        nn.Sequential(nn.Conv1d(2, 4, 3), nn.ELU(), nn.ConvTranspose1d(4, 3, 3), nn.Flatten()),
        numbers(3, 2, 5),
        15,
    ),
    "embedding": lambda: Case(Tokens(False), tokens(), 4),
    "embedding bag": lambda: Case(Tokens(True), tokens(), 4),
    "attention": lambda: Case(Attention(), numbers(3, 5, 4), 4),
    "norm": lambda: Case(
        nn.Sequential(nn.Linear(4, 5), nn.BatchNorm1d(5), nn.SiLU(), nn.LayerNorm(5)), numbers(7, 4), 5
    ),
    "lstm": lambda: Case(nn.Sequential(nn.LSTM(4, 5, batch_first=True), Last()), numbers(3, 4, 4), 5),
    "nested": lambda: Nested(linears(4, 5, 5), numbers(7, 4), 5),
    "tree": lambda: Tree(
        nn.ModuleList([nn.Linear(4, 5), nn.Linear(5, 5), nn.Linear(5, 5)]), numbers(7, 4), 5
    ),
    "own batches": lambda: OwnBatches(mlp(), numbers(7, 4), 5),
    "losses in one tensor": lambda: OneTensor(mlp(), numbers(7, 4), 5),
    "frozen": lambda: Frozen(mlp(), numbers(7, 4), 5),
    "python function": lambda: Python(mlp(), numbers(7, 4), 5),
}


class Last(nn.Module):
    def forward(self, outputs: tuple[Tensor, object]) -> Tensor:
        return outputs[0][:, -1]


def build(name: str, dtype: torch.dtype = torch.float64) -> Case:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        case = CASES[name]()
        with torch.no_grad():
            for parameter in case.parameters():
                parameter.copy_(torch.randn(parameter.shape) / 2)
    case.targets = case.targets.to(dtype)
    if case.inputs.is_floating_point():
        case.inputs = case.inputs.to(dtype)
    return case.to(dtype)


def literal(case: Case, rule: GramianRule | NormRule, drop: tuple[str, ...] = ()) -> dict[str, Tensor | None]:
    """Return the gradients that one plain pass per task gives, by parameter name."""
    losses = {name: loss for name, loss in case().items() if name not in drop}
    shared = [p for p in case.shared() if p.requires_grad]
    rows = []
    for loss in losses.values():
        grads = torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True)
        pairs = zip(shared, grads, strict=True)
        rows.append(torch.cat([(torch.zeros_like(p) if g is None else g).flatten() for p, g in pairs]))
    j = torch.stack(rows)
    values = torch.stack(list(losses.values())).detach().double().numpy()
    weights = torch.from_numpy(rule.weights(values, (j @ j.T).double().numpy())).to(j)
    sum(losses.values()).backward()
    expected = {name: parameter.grad for name, parameter in case.named_parameters()}
    names = {id(parameter): name for name, parameter in case.named_parameters()}
    start = 0
    for p in shared:
        expected[names[id(p)]] = (weights @ j)[start : start + p.numel()].view_as(p)
        start += p.numel()
    return expected


def check(case: Case, expected: dict[str, Tensor | None], **tolerance: float) -> None:
    for name, parameter in case.named_parameters():
        wanted, got = expected[name], parameter.grad
        zero = torch.zeros_like(parameter)
        torch.testing.assert_close(
            zero if got is None else got,
            zero if wanted is None else wanted,
            msg=lambda m, n=name: f"{n}: {m}",
            **tolerance,
        )


@pytest.mark.parametrize("source", ["exact", "ghost", "auto"])
@pytest.mark.parametrize("name", CASES)
@pytest.mark.filterwarnings("ignore:dropout option adds dropout")
def test_equals_literal_passes(name, source):
    case = build(name)
    balance = Balance(Inverse(), case.shared(), source=source, model=case)
    balance.backward(case())
    check(case, literal(build(name), Inverse()), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("source", ["exact", "ghost", "auto"])
def test_a_batch_without_rows_changes_nothing(source):
    case = build("mlp")
    balance = Balance(Inverse(), case.shared(), source=source)
    z = case.encoder(case.inputs[:0])
    balance.backward({f"t{k}": head(z).square().sum() for k, head in enumerate(case.heads)})
    assert balance.skipped == {"t0": 0, "t1": 0, "t2": 0}
    assert all(p.grad is None or not p.grad.any() for p in case.parameters())


@pytest.mark.parametrize("source", ["exact", "ghost", "auto"])
@pytest.mark.parametrize("name", ["mlp", "conv", "tree", "own batches"])
def test_norms_only(name, source):
    case = build(name)
    Balance(UnitLength(), case.shared(), source=source).backward(case())
    check(case, literal(build(name), UnitLength()), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("source", ["exact", "ghost", "auto"])
@pytest.mark.parametrize(
    "name", ["mlp", "nested", "tree", "embedding", "own batches", "some labels, many rows"]
)
def test_absent_tasks(name, source):
    case = build(name)
    losses = case()
    balance = Balance(Inverse(), case.shared(), tasks=list(losses), source=source)
    del losses["t1"]
    balance.backward(losses)
    assert balance.weights[1] == 0
    check(case, literal(build(name), Inverse(), drop=("t1",)), rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("source", ["exact", "ghost", "auto"])
@pytest.mark.parametrize(
    "name",
    ["mlp", "nested", "tree", "conv", "own batches", "some labels, many rows", "some labels, wide layers"],
)
def test_a_broken_task_leaves_no_trace(name, source):
    case = build(name)
    losses = case()
    balance = Balance(Inverse(), case.shared(), source=source)
    losses["t1"] = losses["t1"] * float("nan")
    balance.backward(losses)
    assert balance.skipped["t1"] == 1
    check(case, literal(build(name), Inverse(), drop=("t1",)), rtol=1e-9, atol=1e-11)


def relative_error(case: Case, expected: dict[str, Tensor | None]) -> float:
    pairs = [(p.grad, expected[name]) for name, p in case.named_parameters() if p.grad is not None]
    got = torch.cat([grad.float().flatten() for grad, _ in pairs])
    wanted = torch.cat([grad.float().flatten() for _, grad in pairs])
    return float((got - wanted).norm() / wanted.norm())


@pytest.mark.parametrize("source", ["exact", "ghost", "auto"])
@pytest.mark.parametrize("name", ["mlp", "conv", "embedding", "norm", "some labels, many rows"])
def test_pure_bfloat16(name, source):
    case, wide = build(name, torch.bfloat16), build(name, torch.float32)
    Balance(Inverse(), case.shared(), source=source).backward(case())
    assert relative_error(case, literal(wide, Inverse())) < 0.08


@pytest.mark.parametrize("source", ["exact", "ghost", "auto"])
@pytest.mark.parametrize("name", ["mlp", "many rows", "some labels, many rows"])
def test_pure_float16(name, source):
    case, wide = build(name, torch.float16), build(name, torch.float32)
    for module in (case, wide):
        for parameter in module.parameters():
            parameter.data /= 4  # or the gradients of the wide layers overflow
    Balance(Inverse(), case.shared(), source=source).backward(case())
    assert relative_error(case, literal(wide, Inverse())) < 0.02


@pytest.mark.parametrize("source", ["exact", "ghost", "auto"])
@pytest.mark.parametrize("name", ["mlp", "tied weights", "conv", "embedding", "some labels, many rows"])
def test_autocast(name, source):
    case, wide = build(name, torch.float32), build(name, torch.float32)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        losses = case()
    Balance(Inverse(), case.shared(), source=source).backward(losses)
    assert relative_error(case, literal(wide, Inverse())) < 0.08
    assert all(p.grad is None or p.grad.dtype == torch.float32 for p in case.parameters())
