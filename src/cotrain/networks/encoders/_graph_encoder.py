"""A graph convolution network over small graphs, one graph a row."""

from __future__ import annotations

import itertools
import warnings
from types import ModuleType
from typing import Any, Self, final

from torch import Tensor, nn
from torch.nn import functional

from cotrain._base import InputSpec, check_number, require_extra
from cotrain._base._ragged import LENGTHS
from cotrain.networks._base import Encoder
from cotrain.networks._checks import row_shape
from cotrain.networks._positions import mask_of_input
from cotrain.networks.encoders._dense import Dense


@final
class GraphEncoder(Encoder):
    """Graph convolutions and a mean over the nodes, then fully connected layers.

    H ← relu(D̂^{-1/2} (A + I) D̂^{-1/2} H W), `convolutions` times; then the mean over the real nodes.
    All convolutions are the first stage, because what passes between stages carries no edges.

    Source: Kipf and Welling, "Semi-Supervised Classification with Graph Convolutional Networks", 2016,
    https://arxiv.org/abs/1609.02907. Computed by PyTorch Geometric's dense layers.

    Args:
        width: D of every stage, ≥ 1.
        depth: number of fully connected layers, ≥ 0.
        convolutions: number of graph convolutions, ≥ 1.
        nodes_key: name of the nodes' features [B, S, F]. Which places are used is said by the lengths beside
            them ("nodes:lengths"); without these an unused place holds zeros, in its edges too.
        adjacency_key: name of the edges' weights [B, S, S], symmetric. What it says of a node's edge to
            itself is not read: there is one of weight 1.
        n_features: F; `None`: read from the description of the inputs.

    Raises:
        InvalidArgumentError: if a size is out of range, or the number of features is not known.
        MissingExtraError: if torch-geometric is not installed.

    Example:
        >>> import torch
        >>> encoder = GraphEncoder(width=8, n_features=3).build(InputSpec())
        >>> encoder({"nodes": torch.ones(2, 4, 3), "adjacency": torch.ones(2, 4, 4)}).shape
        torch.Size([2, 8])
    """

    def __init__(
        self,
        width: int = 64,
        depth: int = 2,
        *,
        convolutions: int = 2,
        nodes_key: str = "nodes",
        adjacency_key: str = "adjacency",
        n_features: int | None = None,
    ) -> None:
        super().__init__()
        check_number(self, 1, width=width, convolutions=convolutions)
        check_number(self, 0, depth=depth)
        if n_features is not None:
            check_number(self, 1, n_features=n_features)
        _torch_geometric()
        self.width = width
        self.depth = depth
        self.convolutions = convolutions
        self.nodes_key = nodes_key
        self.adjacency_key = adjacency_key
        self.n_features = n_features

    def build(self, spec: InputSpec) -> Self:
        """Make the convolutions for nodes of this many features."""
        n_features = self.n_features
        if n_features is None:
            n_features = row_shape(self, self.nodes_key, spec, 2)[1]
        graph = _GraphConvolutions(
            n_features, self.width, self.convolutions, self.nodes_key, adjacency_key=self.adjacency_key
        )
        layers = [Dense(self.width, self.width, "relu") for _ in range(self.depth)]
        self.stages = nn.ModuleList([graph, *layers])
        self.widths = (self.width,) * (self.depth + 1)
        return self


def _torch_geometric() -> ModuleType:
    with warnings.catch_warnings():
        # Its import uses parts of torch that newer versions call deprecated; nobody here can mend that.
        warnings.simplefilter("ignore", DeprecationWarning)
        return require_extra("torch_geometric.nn", "graph", "GraphEncoder")


class _GraphConvolutions(nn.Module):
    def __init__(
        self, n_features: int, width: int, convolutions: int, nodes_key: str, *, adjacency_key: str
    ) -> None:
        super().__init__()
        layers: Any = _torch_geometric()
        self.nodes_key = nodes_key
        self.adjacency_key = adjacency_key
        sizes = [n_features, *[width] * convolutions]
        self.layers = nn.ModuleList(
            layers.DenseGCNConv(before, after) for before, after in itertools.pairwise(sizes)
        )

    def forward(self, inputs: dict[str, Tensor]) -> Tensor:
        hidden, adjacency = inputs[self.nodes_key], inputs[self.adjacency_key]
        real = mask_of_input(inputs, self.nodes_key)
        if real is None or f"{self.nodes_key}{LENGTHS}" not in inputs:
            real = (hidden != 0).any(dim=-1) | (adjacency != 0).any(dim=-1)
        else:
            both = real.unsqueeze(1) & real.unsqueeze(2)
            hidden, adjacency = hidden.where(real.unsqueeze(-1), 0.0), adjacency.where(both, 0.0)
        for layer in self.layers:
            hidden = functional.relu(layer(hidden, adjacency, real))
        weights = real.unsqueeze(-1).to(hidden.dtype)
        return (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1)
