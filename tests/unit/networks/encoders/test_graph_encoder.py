from importlib.util import find_spec

import pytest
import torch

from cotrain._base import MissingExtraError
from cotrain.networks import GraphEncoder, InputSpec


@pytest.mark.skipif(
    find_spec("torch_geometric") is None,
    reason="torch-geometric is not installed: run pip install 'cotrain[graph]'.",
)
def test_equals_its_equations():
    torch.manual_seed(0)
    encoder = GraphEncoder(5, 0, n_features=3).build(InputSpec())
    nodes = torch.randn(2, 4, 3)
    nodes[1, 3] = 0  # a place that the second graph does not use
    adjacency = torch.zeros(2, 4, 4)
    for graph, a, b in ((0, 0, 1), (0, 1, 2), (0, 2, 3), (1, 0, 1), (1, 1, 2)):
        adjacency[graph, a, b] = adjacency[graph, b, a] = 1
    given = encoder({"nodes": nodes, "adjacency": adjacency})
    for graph, size in ((0, 4), (1, 3)):
        hat = adjacency[graph, :size, :size] + torch.eye(size)
        scale = hat.sum(1).rsqrt()
        hat = scale[:, None] * hat * scale[None]
        hidden = nodes[graph, :size]
        for layer in encoder.stages[0].layers:
            hidden = (hat @ hidden @ layer.lin.weight.T + layer.bias).clamp(min=0)
        torch.testing.assert_close(given[graph], hidden.mean(0), rtol=0, atol=1e-6)
    # What the user says of nodes' edges to themselves counts for nothing.
    lengths = torch.tensor([4, 3])
    plain, looped = (
        encoder({"nodes": nodes, "adjacency": edges, "nodes:lengths": lengths})
        for edges in (adjacency, adjacency + 3 * torch.eye(4))
    )
    torch.testing.assert_close(looped, plain, rtol=0, atol=1e-6)


def test_a_missing_package_is_named_at_construction(monkeypatch):
    import importlib

    real = importlib.import_module

    def without(name, *arguments):
        if name.startswith("torch_geometric"):
            raise ImportError(name)
        return real(name, *arguments)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(MissingExtraError, match=r"pip install 'cotrain\[graph\]'"):
        GraphEncoder()
