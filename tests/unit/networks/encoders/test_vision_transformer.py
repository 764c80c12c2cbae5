import math

import pytest
import torch
from torch.nn import functional

from cotrain._base import DataError, InvalidArgumentError, PictureSpec
from cotrain.networks import InputSpec, VisionTransformer


def literal(encoder: VisionTransformer, image: torch.Tensor) -> torch.Tensor:
    """Return the map [B, D, H, W], patch by patch and head by head."""
    patch, width, heads = encoder.patch, encoder.width, encoder.heads
    embed = encoder.stages[0][1].embed
    rows, columns = (-(-side // patch) for side in image.shape[2:])
    whole = torch.zeros(*image.shape[:2], rows * patch, columns * patch)
    whole[:, :, : image.shape[2], : image.shape[3]] = image
    tokens = torch.zeros(len(image), rows * columns, width)
    quarter = width // 4
    for place in range(rows * columns):
        y, x = divmod(place, columns)
        pixels = whole[:, :, y * patch : (y + 1) * patch, x * patch : (x + 1) * patch].flatten(1)
        tokens[:, place] = pixels @ embed.weight.flatten(1).T + embed.bias
        for i in range(quarter):
            rate = 10_000 ** -(i / (quarter - 1))
            waves = (math.sin(y * rate), math.cos(y * rate), math.sin(x * rate), math.cos(x * rate))
            for number, wave in enumerate(waves):
                tokens[:, place, number * quarter + i] += wave
    for stage in list(encoder.stages)[1:]:
        block = stage.block
        normed = functional.layer_norm(
            tokens, (width,), block.attention_norm.weight, block.attention_norm.bias
        )
        queries, keys, values = block.queries_keys_values(normed).chunk(3, dim=-1)
        size, mixed = width // heads, []
        for head in range(heads):
            of = slice(head * size, (head + 1) * size)
            scores = queries[..., of] @ keys[..., of].transpose(1, 2) / math.sqrt(size)
            mixed.append(scores.softmax(dim=-1) @ values[..., of])
        tokens = tokens + block.attention_output(torch.cat(mixed, dim=-1))
        inner = functional.layer_norm(tokens, (width,), block.norm.weight, block.norm.bias)
        tokens = tokens + block.outer(functional.gelu(block.inner(inner)))
    norm = encoder.stages[-1].norm
    tokens = functional.layer_norm(tokens, (width,), norm.weight, norm.bias)
    return tokens.transpose(1, 2).reshape(len(image), width, rows, columns)


@pytest.mark.parametrize("size", [(8, 8), (9, 5), (1, 1), (3, 16)])
def test_equals_its_equations_for_pictures_of_any_size(size):
    torch.manual_seed(0)
    encoder = VisionTransformer(8, 2, 2, patch=4, n_channels=3).build(InputSpec()).eval()
    image = torch.randn(2, 3, *size)
    with torch.no_grad():
        torch.testing.assert_close(encoder({"image": image}), literal(encoder, image), rtol=0, atol=1e-5)


def test_patches_know_where_they_lie():
    torch.manual_seed(0)
    encoder = VisionTransformer(16, 1, 2, patch=2, n_channels=1).build(InputSpec()).eval()
    found = encoder({"image": torch.zeros(1, 1, 6, 8)}).flatten(2)[0].T
    assert torch.pdist(found).min() > 1e-3


def test_a_table_beside_the_pictures_counts():
    spec = InputSpec(n_numbers=2, pictures={"picture:photo": PictureSpec((3, 8, 8), (0.5,) * 3, (0.25,) * 3)})
    encoder = VisionTransformer(8, 1, 2, patch=4).build(spec).eval()
    inputs = {"picture:photo": torch.rand(2, 3, 8, 8), "numbers": torch.zeros(2, 2)}
    others = inputs | {"numbers": torch.ones(2, 2)}
    assert encoder(inputs).shape == (2, 8, 2, 2)
    assert not torch.equal(encoder(inputs), encoder(others))


def test_pictures_of_different_sizes_are_refused():
    encoder = VisionTransformer(8, 1, 2, n_channels=1).build(InputSpec())
    with pytest.raises(DataError, match="rows of the input 'image' have different lengths"):
        encoder({"image": torch.randn(2, 1, 7, 9), "image:lengths": torch.tensor([7, 3])})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"width": 30, "heads": 4}, r"multiple of heads and of 4, such as 32\."),
        ({"width": 6, "heads": 3}, r"multiple of heads and of 4, such as 12\."),
        ({"patch": 0}, r"patch=0"),
        ({"depth": 0}, r"depth=0"),
        ({"dropout": 1.0}, r"dropout=1\.0"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(InvalidArgumentError, match=message):
        VisionTransformer(**options)


def test_vectors_are_no_pictures():
    with pytest.raises(InvalidArgumentError, match="row has shape"):
        VisionTransformer().build(InputSpec(tensors={"image": (784,)}))
