from importlib.util import find_spec

import pytest
import torch
from torch import nn
from torch.nn import functional

from cotrain._base import InvalidArgumentError
from cotrain.configuration import construct, describe
from cotrain.networks import Encoder, InputSpec, MMoE, Wrap


class Block(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.downsample = nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x):
        inner = functional.relu(self.bn1(self.conv1(x)))
        return functional.relu(self.downsample(x) + self.bn2(self.conv2(inner)))


class ResNetLike(nn.Module):
    """The layout and the names of the residual networks of timm and torchvision, in small."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 4, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(4)
        self.act1 = nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.layer1 = nn.Sequential(Block(4, 4, 1), Block(4, 4, 1))
        self.layer2 = Block(4, 8, 2)
        self.global_pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(1))
        self.fc = nn.Linear(8, 10)

    def forward(self, x):
        x = self.maxpool(self.act1(self.bn1(self.conv1(x))))
        return self.fc(self.global_pool(self.layer2(self.layer1(x))))


RESNET_STAGES = [("conv1", "bn1", "act1", "maxpool"), "layer1", ("layer2", "global_pool")]


def test_a_residual_network_by_its_usual_names():
    torch.manual_seed(0)
    network = ResNetLike().eval()
    spec = InputSpec(tensors={"image": (3, 32, 32)})
    encoder = Wrap(network, RESNET_STAGES, key="image").build(spec).eval()
    assert encoder.widths == (4, 4, 8)
    images = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(network.fc(encoder({"image": images})), network(images))


def test_a_timm_network():
    if find_spec("timm") is None:
        pytest.skip("timm is not installed; the network of the same layout above stands in for it.")
    import timm

    network = timm.create_model("resnet10t", pretrained=False, num_classes=0).eval()
    stages = [("conv1", "bn1", "act1", "maxpool"), "layer1", "layer2", "layer3", ("layer4", "global_pool")]
    encoder = Wrap(network, stages, key="image").build(InputSpec(tensors={"image": (3, 64, 64)})).eval()
    images = torch.randn(2, 3, 64, 64)
    torch.testing.assert_close(encoder({"image": images}), network(images))


@pytest.mark.filterwarnings("ignore")
def test_a_transformers_network():
    if find_spec("transformers") is None:
        pytest.skip("transformers is not installed: run pip install 'cotrain[text]'.")
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=30,
        hidden_size=8,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        attn_implementation="eager",
    )
    network = BertModel(config, add_pooling_layer=False).eval()
    spec = InputSpec(tensors={"tokens": (6,)}, vocabularies={"tokens": 30})
    stages = ["embeddings", "encoder.layer.0", "encoder.layer.1"]
    encoder = Wrap(network, stages, key="tokens").build(spec).eval()
    assert encoder.widths == (8, 8, 8)
    tokens = torch.randint(1, 30, (2, 6))
    tokens[1, 4:] = 0
    real = (tokens != 0).long()
    expected = network(tokens, attention_mask=real).last_hidden_state
    torch.testing.assert_close(encoder({"tokens": tokens})[real > 0], expected[real > 0])
    whole = Wrap(network, key="tokens", widths=[8]).build(spec).eval()
    torch.testing.assert_close(whole({"tokens": tokens}), expected)


def test_layers_of_torch_are_told_the_padding():
    torch.manual_seed(0)
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    encoder = Wrap(nn.Sequential(nn.Embedding(9, 8), layer), ["0", "1"], key="tokens", widths=(8, 8))
    encoder = encoder.build(InputSpec()).eval()
    short, long = torch.tensor([[3, 5, 7]]), torch.tensor([[3, 5, 7, 4, 4]])
    lengths = torch.tensor([3])
    given = encoder({"tokens": long, "tokens:lengths": lengths})
    torch.testing.assert_close(given[:, :3], encoder({"tokens": short}), rtol=0, atol=1e-6)
    assert not torch.allclose(encoder({"tokens": long})[:, :3], given[:, :3], atol=1e-3)


def test_copies_leave_the_original_alone_and_start_equal_unless_fresh():
    module = nn.Sequential(nn.Linear(4, 8), nn.Linear(8, 8))

    def make(fresh):
        return Wrap(module, ["0", "1"], widths=(8, 8), fresh=fresh).build(InputSpec())

    first, second = make(False), make(False)
    x = {"inputs": torch.randn(2, 4)}
    torch.testing.assert_close(first(x), second(x))
    first(x).sum().backward()
    assert module[0].weight.grad is None
    assert first.module is module
    assert not torch.equal(make(True)(x), make(True)(x))
    assert MMoE(2).build(lambda: make(True), ["a"])(x)["a"].shape == (2, 8)


def test_a_whole_module_is_one_stage():
    encoder = Wrap(nn.Linear(4, 3)).build(InputSpec(tensors={"inputs": (4,)}))
    assert len(encoder.stages) == 1
    assert encoder.width == 3


def test_a_class_by_its_name_can_be_written_down_and_made_again():
    encoder = Wrap("torch.nn:Linear", key="x", widths=[3], arguments={"in_features": 4, "out_features": 3})
    described = describe(encoder)
    assert described == {
        "kind": "Wrap",
        "module": "torch.nn:Linear",
        "key": "x",
        "widths": [3],
        "arguments": {"in_features": 4, "out_features": 3},
    }
    again = construct(Encoder, described, "encoder").build(InputSpec())
    assert again({"x": torch.zeros(2, 4)}).shape == (2, 3)


@pytest.mark.parametrize(
    ("name", "arguments", "message"),
    [
        ("Linear", {}, "expected a torch.nn.Module or the name of its class"),
        ("torch.nn:Linaer", {}, "cannot import it"),
        ("os:system", {"command": "true"}, "expected a class derived from torch.nn.Module"),
        ("torch.nn:Linear", {"widht": 3}, "Linear does not take them"),
    ],
)
def test_names_of_classes_that_cannot_be_made(name, arguments, message):
    with pytest.raises(InvalidArgumentError, match=message):
        Wrap(name, arguments=arguments)


def test_errors():
    module = nn.Sequential(nn.Linear(4, 8))
    with pytest.raises(InvalidArgumentError, match="no submodule 'O'"):
        Wrap(module, ["O"])
    with pytest.raises(InvalidArgumentError, match="2 widths for 1 stages"):
        Wrap(module, ["0"], widths=(1, 2))
    with pytest.raises(InvalidArgumentError, match="finds the widths"):
        Wrap(module, ["0"]).build(InputSpec())


class WithToken(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.randn(4))

    def forward(self, x):
        return x + self.token


class WithReset(WithToken):
    def reset_parameters(self) -> None:
        nn.init.normal_(self.token)


@pytest.mark.parametrize(
    "module",
    [
        lambda: nn.TransformerEncoderLayer(4, 2, batch_first=True),
        lambda: nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.PReLU(), nn.LSTM(4, 4)),
        lambda: nn.Sequential(nn.Linear(4, 4), WithReset()),
    ],
    ids=["attention", "layers", "own"],
)
def test_fresh_copies_have_no_drawn_weight_in_common(module):
    """Those of attention stayed as they were, so that experts began with the same."""
    network = module()
    copies = [Wrap(network, key="x", widths=(4,), fresh=True).build(InputSpec()) for _ in range(2)]
    for first, second in zip(*(copy.parameters() for copy in copies), strict=True):
        assert bool((first == first.flatten()[0]).all()) or not torch.equal(first, second)


@pytest.mark.parametrize(
    ("module", "name"),
    [
        (lambda: nn.Sequential(nn.Linear(4, 4), WithToken()), "1.token"),
        (WithToken, "token"),
        (
            lambda: nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)),
            "parametrizations.weight.original",
        ),
    ],
    ids=["within", "itself", "parametrized"],
)
def test_what_cannot_be_drawn_anew_is_said(module, name):
    network = module()
    Wrap(network, key="x", widths=(4,)).build(InputSpec())
    with pytest.raises(InvalidArgumentError, match=f"{name}.* keeps the weights that it has"):
        Wrap(network, key="x", widths=(4,), fresh=True).build(InputSpec())
