"""Networks and loops of many fields, tiny, for the contract of the gradient sources.

A builder returns the shared part, which maps inputs to rows [B, D], and the inputs.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

B = 6
Build = Callable[[], tuple[nn.Module, Tensor]]
NETWORKS: dict[str, Build] = {}


def network(name: str) -> Callable[[Build], Build]:
    def added(build: Build) -> Build:
        NETWORKS[name] = build
        return build

    return added


def numbers(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(5), dtype=torch.float64)


def tokens(*shape: int, high: int = 9) -> Tensor:
    return torch.randint(0, high, shape, generator=torch.Generator().manual_seed(5))


class Of(nn.Module):
    """A forward pass written as a function of the parts and the input."""

    def __init__(self, run: Callable[..., Tensor], **parts: nn.Module | Tensor) -> None:
        super().__init__()
        self.run = run
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


def of(x: Tensor, run: Callable[..., Tensor], **parts: nn.Module | Tensor) -> tuple[nn.Module, Tensor]:
    return Of(run, **parts), x


def matrix(*shape: int, dtype: torch.dtype = torch.float64) -> nn.Parameter:
    return nn.Parameter(torch.randn(*shape, dtype=dtype) / 2)


# -- sums of layers --------------------------------------------------------------------------------

L = nn.Linear
NETWORKS |= {
    "two linear layers added": lambda: of(
        numbers(B, 4), lambda m, x: torch.tanh(m.a(x) + m.b(x * x)), a=L(4, 5), b=L(4, 5)
    ),
    "two linear layers, one subtracted": lambda: of(
        numbers(B, 4), lambda m, x: torch.tanh(m.a(x) - m.b(x * x)), a=L(4, 5), b=L(4, 5)
    ),
    "three streams": lambda: of(
        numbers(B, 4),
        lambda m, x: m.out(torch.relu(m.a(x) + m.b(x.sin()) + m.c(x.cos()))),
        a=L(4, 6),
        b=L(4, 6),
        c=L(4, 6),
        out=L(6, 5),
    ),
    "skip by projection": lambda: of(
        numbers(B, 4),
        lambda m, x: torch.relu(m.down(torch.relu(m.up(x))) + m.skip(x)),
        up=L(4, 7),
        down=L(7, 5),
        skip=L(4, 5),
    ),
    "FiLM": lambda: of(
        numbers(B, 4),
        lambda m, x: torch.relu(m.scale(x) * m.body(x.sin()) + m.shift(x)),
        scale=L(4, 5),
        body=L(4, 5),
        shift=L(4, 5),
    ),
    "LoRA": lambda: of(
        numbers(B, 4),
        lambda m, x: torch.tanh(m.base(x) + m.up(m.down(x)) * 0.5),
        base=L(4, 5).requires_grad_(False),
        down=L(4, 2, bias=False),
        up=L(2, 5, bias=False),
    ),
    "mixture of experts": lambda: of(
        numbers(B, 4),
        lambda m, x: torch.einsum(
            "bed,be->bd", torch.stack([e(x) for e in m.experts], 1), m.gate(x).softmax(-1)
        ),
        experts=nn.ModuleList(L(4, 5) for _ in range(3)),
        gate=L(4, 3),
    ),
    "cross-stitch": lambda: of(
        numbers(B, 4),
        lambda m, x: (m.mix[0] * m.a(x) + m.mix[1] * m.b(x)).relu(),
        a=L(4, 5),
        b=L(4, 5),
        mix=matrix(2),
    ),
    "bilinear": lambda: of(numbers(B, 4), lambda m, x: m.f(x, x.sin()).tanh(), f=nn.Bilinear(4, 4, 5)),
    "siamese": lambda: of(
        numbers(B, 8), lambda m, x: (m.f(x[:, :4]) - m.f(x[:, 4:])).abs(), f=nn.Sequential(L(4, 5), nn.Tanh())
    ),
    "hypernetwork": lambda: of(
        numbers(B, 4), lambda m, x: x @ m.hyper(m.code).view(4, 5), hyper=L(3, 20), code=matrix(3)
    ),
    "weight tied to its transpose": lambda: of(
        numbers(B, 4), lambda m, x: functional.linear(m.f(x).tanh(), m.f.weight.T), f=L(4, 5)
    ),
    "parameters read without a layer": lambda: of(
        numbers(B, 4),
        lambda m, x: functional.gelu(x @ m.w) * m.s + m.s.cumsum(0),
        w=matrix(4, 5),
        s=matrix(5),
    ),
    "dropout": lambda: of(
        numbers(B, 4), lambda m, x: m.f(functional.dropout(m.e(x), 0.5)), e=L(4, 6), f=L(6, 5)
    ),
}

# -- recurrent -------------------------------------------------------------------------------------


def cell(kind: type[nn.Module], steps: int) -> tuple[nn.Module, Tensor]:
    def run(m: Of, x: Tensor) -> Tensor:
        state = None
        for step in range(steps):
            state = m.cell(x[:, step], state)
        return state[0] if isinstance(state, tuple) else state

    return of(numbers(B, 3, 4), run, cell=kind(4, 5))


for _kind in (nn.LSTMCell, nn.GRUCell, nn.RNNCell):
    NETWORKS[f"{_kind.__name__}, one step"] = lambda kind=_kind: cell(kind, 1)
    NETWORKS[f"{_kind.__name__}, three steps"] = lambda kind=_kind: cell(kind, 3)
for _kind in (nn.LSTM, nn.GRU, nn.RNN):
    NETWORKS[_kind.__name__] = lambda kind=_kind: of(
        numbers(B, 3, 4), lambda m, x: m.f(x)[0][:, -1], f=kind(4, 5, batch_first=True)
    )
NETWORKS["two layers of LSTM, both directions"] = lambda: of(
    numbers(B, 3, 4),
    lambda m, x: m.f(x)[0].mean(1),
    f=nn.LSTM(4, 3, num_layers=2, bidirectional=True, batch_first=True),
)

# -- graphs ----------------------------------------------------------------------------------------

ADJACENCY = (torch.eye(B) + torch.roll(torch.eye(B), 1, 0)).double() / 2


def attention_over_neighbours(m: Of, x: Tensor) -> Tensor:
    h = m.f(x)
    scores = functional.leaky_relu(m.left(h) + m.right(h).T).masked_fill(ADJACENCY == 0, float("-inf"))
    return functional.elu(scores.softmax(1) @ h)


NETWORKS |= {
    "SAGE": lambda: of(
        numbers(B, 4), lambda m, x: torch.relu(m.own(x) + m.near(ADJACENCY @ x)), own=L(4, 5), near=L(4, 5)
    ),
    "GCN": lambda: of(numbers(B, 4), lambda m, x: torch.relu(ADJACENCY @ m.f(x)), f=L(4, 5)),
    "GAT": lambda: of(numbers(B, 4), attention_over_neighbours, f=L(4, 5), left=L(5, 1), right=L(5, 1)),
    "messages by index": lambda: of(
        numbers(B, 4),
        lambda m, x: (
            torch.zeros(B, 5).double().index_add(0, tokens(9, high=B), m.f(x)[tokens(9, high=B).flip(0)])
        ),
        f=L(4, 5),
    ),
}

# -- pictures --------------------------------------------------------------------------------------


class Residual(nn.Module):
    def __init__(self, norm: type[nn.Module], n_in: int, n_out: int) -> None:
        super().__init__()
        self.a, self.b = nn.Conv2d(n_in, n_out, 3, 2, 1), nn.Conv2d(n_out, n_out, 3, 1, 1)
        self.skip = nn.Conv2d(n_in, n_out, 1, 2)
        self.norms = nn.ModuleList(norm(n_out) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norms[1](self.b(torch.relu(self.norms[0](self.a(x)))))
        return torch.relu(h + self.norms[2](self.skip(x)))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.deep, self.out = (
            nn.Conv2d(2, 3, 3, 1, 1),
            nn.Conv2d(3, 4, 3, 1, 1),
            nn.Conv2d(7, 2, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        fine = torch.relu(self.down(x))
        deep = torch.relu(self.deep(functional.max_pool2d(fine, 2)))
        return (
            self.out(torch.cat([fine, functional.interpolate(deep, scale_factor=2.0)], 1)).flatten(2).amax(2)
        )


def pictures(*layers: nn.Module) -> tuple[nn.Module, Tensor]:
    return nn.Sequential(*layers), numbers(B, 2, 8, 8)


NETWORKS |= {
    "ResNet": lambda: pictures(Residual(nn.BatchNorm2d, 2, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "ResNet, evaluation mode": lambda: pictures(
        Residual(nn.BatchNorm2d, 2, 4).eval(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ),
    "ResNet, group norm": lambda: pictures(
        Residual(lambda n: nn.GroupNorm(2, n), 2, 4), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    ),
    "ResNet, mean of the map": lambda: of(
        numbers(B, 2, 8, 8), lambda m, x: m.f(x).mean((2, 3)), f=Residual(lambda n: nn.Identity(), 2, 4)
    ),
    "U-Net": lambda: (UNet(), numbers(B, 2, 8, 8)),
    "depthwise and transposed": lambda: pictures(
        nn.Conv2d(2, 4, 3, groups=2), nn.SiLU(), nn.ConvTranspose2d(4, 2, 2, 2), nn.AvgPool2d(4), nn.Flatten()
    ),
    "instance norm, pixel shuffle": lambda: pictures(
        nn.Conv2d(2, 4, 3),
        nn.InstanceNorm2d(4, affine=True),
        nn.PixelShuffle(2),
        nn.MaxPool2d(6),
        nn.Flatten(),
    ),
    "convolution over time": lambda: of(
        numbers(B, 2, 9),
        lambda m, x: m.f(x).mean(-1),
        f=nn.Sequential(nn.Conv1d(2, 4, 3, dilation=2), nn.GELU(), nn.Conv1d(4, 5, 2)),
    ),
}

# -- transformers ----------------------------------------------------------------------------------


class Block(nn.Module):
    """Pre-norm, one projection for query, key and value, scaled dot products, RMSNorm."""

    def __init__(self, width: int = 4) -> None:
        super().__init__()
        self.qkv, self.out = L(width, 3 * width), L(width, width)
        self.up, self.down = L(width, 6), L(6, width)
        self.norms = nn.ModuleList(nn.RMSNorm(width) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(self.norms[0](x)).view(batch, length, 3, 2, width // 2).permute(2, 0, 3, 1, 4)
        h = functional.scaled_dot_product_attention(q, k, v)
        x = x + self.out(h.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(functional.gelu(self.up(self.norms[1](x))))


def encoder_layer(pool: Callable[[Tensor], Tensor], **options: bool) -> tuple[nn.Module, Tensor]:
    layer = nn.TransformerEncoderLayer(4, 2, 6, dropout=0.0, batch_first=True, **options)
    return of(numbers(B, 3, 4), lambda m, x: pool(m.f(x)), f=layer)


def hugging(kind: str, **options: object) -> Callable[[], tuple[nn.Module, Tensor]]:
    def build() -> tuple[nn.Module, Tensor]:
        import transformers

        config = getattr(transformers, f"{kind}Config")(**options)
        model = getattr(transformers, f"{kind}Model")(config)
        x = numbers(B, 3, 8, 8) if kind == "ViT" else tokens(B, 5)
        return of(x, lambda m, x: m.f(x).last_hidden_state[:, 0 if kind != "GPT2" else -1], f=model)

    return build


SMALL = {"hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 10}
QUIET = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
NETWORKS |= {
    "transformer block, mean": lambda: of(numbers(B, 3, 4), lambda m, x: m.f(x).mean(1), f=Block()),
    "transformer block, first position": lambda: of(numbers(B, 3, 4), lambda m, x: m.f(x)[:, 0], f=Block()),
    "encoder layer": lambda: encoder_layer(lambda h: h.mean(1)),
    "encoder layer, norm first": lambda: encoder_layer(lambda h: h.sum(1), norm_first=True),
    "attention with weights": lambda: of(
        numbers(B, 3, 4), lambda m, x: m.f(x, x, x)[0][:, -1], f=nn.MultiheadAttention(4, 2, batch_first=True)
    ),
    "tokens, positions, class token": lambda: of(
        tokens(B, 3),
        lambda m, t: m.f(torch.cat([m.start.expand(B, 1, 4), m.table(t)], 1) + m.places)[:, 0],
        start=matrix(1, 1, 4),
        places=matrix(4, 4),
        table=nn.Embedding(9, 4),
        f=Block(),
    ),
    "batched products": lambda: of(
        numbers(B, 3, 4),
        lambda m, x: torch.bmm((m.a(x) @ m.b(x).transpose(1, 2)).softmax(-1), x).amax(1),
        a=L(4, 4),
        b=L(4, 4),
    ),
    "BERT": hugging("Bert", vocab_size=9, max_position_embeddings=8, **SMALL, **QUIET),
    "GPT-2": hugging(
        "GPT2",
        vocab_size=9,
        n_positions=8,
        n_embd=8,
        n_layer=1,
        n_head=2,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
    ),
    "Llama": hugging("Llama", vocab_size=9, num_key_value_heads=1, use_cache=False, pad_token_id=0, **SMALL),
    "ViT": hugging("ViT", image_size=8, patch_size=4, **SMALL, **QUIET),
}

# -- tables of numbers ------------------------------------------------------------------------------

NETWORKS |= {
    "sparse embedding": lambda: of(
        tokens(B, 3),
        lambda m, t: m.f(m.table(t)).tanh().mean(1),
        f=L(4, 5),
        table=nn.Embedding(9, 4, sparse=True, padding_idx=0),
    ),
    "sparse embedding bag": lambda: of(
        tokens(B, 3),
        lambda m, t: m.f(m.table(t)).tanh(),
        f=L(4, 5),
        table=nn.EmbeddingBag(9, 4, sparse=True, mode="sum"),
    ),
    "sparse embedding read twice": lambda: of(
        tokens(B, 3),
        lambda m, t: (m.table(t) * m.table(t.flip(1))).mean(1),
        table=nn.Embedding(9, 5, sparse=True),
    ),
    "interactions": lambda: of(
        tokens(B, 3),
        lambda m, t: (m.table(t) @ m.table(t).transpose(1, 2)).flatten(1),
        table=nn.Embedding(9, 4),
    ),
    "embedding scaled by frequency": lambda: of(
        tokens(B, 3), lambda m, t: m.f(t).mean(1), f=nn.Embedding(9, 4, scale_grad_by_freq=True)
    ),
}

# -- complex numbers --------------------------------------------------------------------------------


def fourier(m: Of, x: Tensor) -> Tensor:
    return torch.fft.irfft(torch.fft.rfft(x) * m.filter, n=6)


NETWORKS |= {
    "complex parameters": lambda: of(
        numbers(B, 4),
        lambda m, x: torch.view_as_real((x + 0j) @ m.w + m.b).flatten(1).tanh(),
        w=matrix(4, 3, dtype=torch.complex128),
        b=matrix(3, dtype=torch.complex128),
    ),
    "complex layer": lambda: of(
        numbers(B, 4),
        lambda m, x: (lambda z: z.abs() + z.real)(m.f(torch.complex(x, x.sin()))),
        f=nn.Linear(4, 5, dtype=torch.complex128),
    ),
    "Fourier filter": lambda: of(numbers(B, 6), fourier, filter=matrix(4, dtype=torch.complex128)),
    "real matrix in a complex product": lambda: of(
        numbers(B, 4),
        lambda m, x: (torch.complex(x, x.cos()) @ m.w.to(torch.complex128)).abs(),
        w=matrix(4, 5),
    ),
}

# -- in place, parametrised, several ways through ----------------------------------------------------


def written_in_place(m: Of, x: Tensor) -> Tensor:
    h = m.f(x)
    h[:, :2] = m.g(x).sin()
    h[:, 3].mul_(2)
    return h.tanh()


def norm_of_gradient(m: Of, x: Tensor) -> Tensor:
    x = x.clone().requires_grad_()
    (grad,) = torch.autograd.grad(m.f(x).tanh().square().sum(), x, create_graph=True)
    return m.f(x) + grad.norm(dim=1, keepdim=True)


def inner_step(m: Of, x: Tensor) -> Tensor:
    weight = m.f.weight
    (grad,) = torch.autograd.grad((x @ weight.T).square().mean(), weight, create_graph=True)
    return x @ (weight - 0.1 * grad).T + m.f.bias


class Doubled(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: Tensor) -> Tensor:
        return 2 * x

    @staticmethod
    def backward(ctx: object, grad: Tensor) -> Tensor:
        return 2 * grad


NETWORKS |= {
    "in-place ReLU and sum": lambda: of(
        numbers(B, 4), lambda m, x: m.f(x).add_(m.g(x).sin()).relu_(), f=L(4, 5), g=L(4, 5)
    ),
    "written in place": lambda: of(numbers(B, 4), written_in_place, f=L(4, 5), g=L(4, 2)),
    "weight norm": lambda: of(
        numbers(B, 4), lambda m, x: m.f(x).tanh(), f=nn.utils.parametrizations.weight_norm(L(4, 5))
    ),
    "spectral norm": lambda: of(
        numbers(B, 4), lambda m, x: m.f(x).tanh(), f=nn.utils.parametrizations.spectral_norm(L(4, 5)).eval()
    ),
    "orthogonal": lambda: of(
        numbers(B, 4), lambda m, x: m.f(x), f=nn.utils.parametrizations.orthogonal(L(4, 4))
    ),
    "gradient penalty": lambda: of(numbers(B, 4), norm_of_gradient, f=L(4, 5)),
    "step of an inner loop": lambda: of(numbers(B, 4), inner_step, f=L(4, 5)),
    "function written in Python": lambda: of(numbers(B, 4), lambda m, x: Doubled.apply(m.f(x)), f=L(4, 5)),
    "checkpointing": lambda: of(
        numbers(B, 4),
        lambda m, x: checkpoint(lambda x: m.g(m.f(x).tanh()), x, use_reentrant=False),
        f=L(4, 6),
        g=L(6, 5),
    ),
    "reentrant checkpointing": lambda: of(
        numbers(B, 4),
        lambda m, x: checkpoint(lambda h: m.g(h.tanh()), m.f(x), use_reentrant=True),
        f=L(4, 6),
        g=L(6, 5),
    ),
    "split, unbind, gather, where": lambda: of(
        numbers(B, 6),
        lambda m, x: torch.where(
            x[:, :3] > 0, m.f(x).chunk(2, 1)[0], torch.stack(m.f(x).unbind(1)[3:], 1)
        ).gather(1, tokens(B, 4, high=3)),
        f=L(6, 6),
    ),
    "distances and logsumexp": lambda: of(
        numbers(B, 4),
        lambda m, x: torch.cat([torch.cdist(m.f(x), m.c), m.f(x).logsumexp(1, True)], 1),
        f=L(4, 3),
        c=matrix(2, 3),
    ),
    "stop-gradient": lambda: of(numbers(B, 4), lambda m, x: m.f(x) * m.f(x.cos()).detach(), f=L(4, 5)),
    "compiled": lambda: of(
        numbers(B, 4), lambda m, x: torch.compile(lambda x: m.f(x).tanh(), backend="aot_eager")(x), f=L(4, 5)
    ),
}

# -- hooks -----------------------------------------------------------------------------------------


def hooked(where: str) -> Build:
    def run(m: Of, x: Tensor) -> Tensor:
        h = m.f(x)
        z = m.g(h.tanh())
        place = h if "inside" in where else z
        if "retain_grad" in where:
            place.retain_grad()
            m.watched = [place]
        elif "tensor" in where:
            place.register_hook(lambda grad: grad * 0.1 if "scale" in where else grad.clamp(-1e-3, 1e-3))
        elif "before a node" in where:
            place.grad_fn.register_prehook(lambda grads: tuple(-g for g in grads))
        elif "node" in where:
            place.grad_fn.register_hook(lambda ins, outs: tuple(None if g is None else 3 * g for g in ins))
        return z

    def build() -> tuple[nn.Module, Tensor]:
        module, x = of(numbers(B, 4), run, f=L(4, 6), g=L(6, 5))
        if where == "on a parameter":
            module.f.weight.register_hook(lambda grad: grad * (torch.arange(6) < 3)[:, None])
        if where == "of a module":
            module.g.register_full_backward_hook(lambda m, ins, outs: (2 * ins[0],))
        return module, x

    return build


for _where in (
    *("scale on a tensor", "clamp on a tensor", "scale on a tensor inside", "on a node", "on a node inside"),
    *("before a node", "before a node inside", "on a parameter", "of a module"),
    *("retain_grad", "retain_grad inside"),
):
    NETWORKS[f"hook: {_where}"] = hooked(_where)
