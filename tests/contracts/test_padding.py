"""Padding and its content change no output, with every encoder of positions and every architecture."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from cotrain import networks
from cotrain._base._ragged import LENGTHS
from cotrain.networks import MultiTaskNetwork

from .conftest import SEQUENCES

TASKS = ("mood", "tags", "topic")
READS = {"tags": "positions"}
MOST = 1e-5


def model_of(sharing_name, case, pooling="mean"):
    torch.manual_seed(1)
    sharing = getattr(networks, sharing_name)().build(case, list(TASKS))
    heads = {task: nn.Linear(width, 2) for task, width in sharing.widths().items()}
    model = MultiTaskNetwork(sharing, heads, reads=READS, columns={"tags": "t"}, pooling=pooling)
    for parameter in model.parameters():
        if parameter.dim() < 2:
            # Biases and what begins at zero must not hide anything.
            nn.init.normal_(parameter, std=0.5)
    return model


def longer(inputs, by=3):
    """The same rows with more padding, and other values in it; where 0 is the padding, with more of it."""
    found = {}
    for key, value in inputs.items():
        lengths = inputs.get(f"{key}{LENGTHS}")
        if lengths is None:
            grows = key == "tokens"
            found[key] = nn.functional.pad(value, (0, by)) if grows else value
            continue
        # Of samples 20 are a position.
        more = 20 * by if value.is_floating_point() else by
        shape = (len(value), value.shape[1] + more, *value.shape[2:])
        padded = torch.randn(shape) if value.is_floating_point() else torch.randint(0, 4, shape)
        for row, length in enumerate(lengths.tolist()):
            padded[row, :length] = value[row, :length]
        found[key] = padded
    return found


def rows_of(output, lengths):
    return torch.cat([row[:length] for row, length in zip(output, lengths.tolist(), strict=True)])


def test_every_encoder_with_a_mask_is_looked_at(encoder_case, encoder_name, encoder_cases):
    masked = encoder_case().mask(encoder_case.inputs(2)) is not None
    assert masked == (encoder_name in SEQUENCES)


def test_more_padding_and_other_content_in_it_change_nothing(sharing_name, sequence_case):
    model = model_of(sharing_name, sequence_case).eval()
    inputs = sequence_case.inputs(5)
    more = longer(inputs)
    given, again = model(inputs), model(more)
    lengths = model.lengths(inputs)["tags"]
    assert torch.equal(lengths, model.lengths(more)["tags"])
    assert 0 < int(lengths.max()) <= given["tags"].shape[1]
    for task in TASKS:
        first, second = given[task], again[task]
        if task == "tags":
            first, second = rows_of(first, lengths), rows_of(second, lengths)
        torch.testing.assert_close(second, first, rtol=0, atol=MOST)


def test_a_batch_does_not_matter_to_a_row_shorter_than_it(sharing_name, sequence_case):
    model = model_of(sharing_name, sequence_case).eval()
    inputs = sequence_case.inputs(5)
    given = model(inputs)
    alone = model({key: value[1:2] for key, value in inputs.items()})
    for task in ("mood", "topic"):
        torch.testing.assert_close(alone[task], given[task][1:2], rtol=0, atol=MOST)


def test_rows_without_positions_and_a_batch_of_one_are_finite(sharing_name, sequence_case):
    model = model_of(sharing_name, sequence_case)
    inputs = sequence_case.inputs(5)
    ragged = [key for key in inputs if key.endswith(LENGTHS)]
    none = {key: torch.zeros_like(value) if key in ragged else value for key, value in inputs.items()}
    if not ragged:
        none = {"tokens": torch.zeros_like(inputs["tokens"])}
    for batch in (inputs, none, {key: value[:1] for key, value in none.items()}):
        model.zero_grad()
        outputs = model(batch)
        assert all(bool(output.isfinite().all()) for output in outputs.values())
        (sum(output.square().sum() for output in outputs.values()) + model.sharing.penalty()).backward()
        gradients = [parameter.grad for parameter in model.parameters() if parameter.grad is not None]
        assert gradients
        assert all(bool(gradient.isfinite().all()) for gradient in gradients)


def test_what_is_learned_does_not_depend_on_the_padding(sharing_name, sequence_case):
    torch.manual_seed(0)
    found = []
    inputs = sequence_case.inputs(4)
    for batch in (inputs, longer(inputs)):
        model = model_of(sharing_name, sequence_case)
        for module in model.modules():
            if isinstance(module, nn.Dropout | nn.TransformerEncoderLayer):
                module.eval()
        for module in model.modules():
            for name in ("dropout_probability", "word_dropout"):
                if hasattr(module, name):
                    setattr(module, name, 0.0)
            if hasattr(module, "n_masks"):
                module.n_masks = 0
        outputs = model(batch)
        loss = rows_of(outputs["tags"], model.lengths(batch)["tags"]).square().sum()
        loss = loss + outputs["mood"].square().sum() + outputs["topic"].sum() + model.sharing.penalty()
        loss.backward()
        found.append({name: parameter.grad for name, parameter in model.named_parameters()})
    for name, gradient in found[0].items():
        if gradient is not None:
            scale = float(gradient.abs().max()) + 1
            torch.testing.assert_close(found[1][name], gradient, rtol=0, atol=1e-5 * scale, msg=name)


def test_a_zero_vector_at_a_real_position_is_no_padding(sharing_name, encoder_cases):
    case = encoder_cases["Transformer-ragged"]
    model = model_of(sharing_name, case).eval()
    for module in model.modules():
        if isinstance(module, nn.Embedding):
            # The token 0 at the second place is a vector of nothing but zeros, and counts.
            with torch.no_grad():
                module.weight[0 if module.padding_idx == 0 else 1] = 0
    with_zero = {"tokens": torch.tensor([[3, 0, 4]]), "tokens:lengths": torch.tensor([3])}
    lengths = model.lengths(with_zero)["tags"]
    assert lengths.tolist() == [3]
    ended = {"tokens": torch.tensor([[3, 0, 4]]), "tokens:lengths": torch.tensor([2])}
    shorter = {"tokens": torch.tensor([[3]]), "tokens:lengths": torch.tensor([1])}
    assert not torch.allclose(model(ended)["mood"], model(shorter)["mood"], atol=1e-4)
    assert not torch.allclose(model(ended)["mood"], model(with_zero)["mood"], atol=1e-4)


@pytest.mark.parametrize("pooling", ["max", "attention"])
def test_other_ways_of_pooling(sequence_case, pooling):
    model = model_of("HardSharing", sequence_case, pooling).eval()
    inputs = sequence_case.inputs(5)
    given, again = model(inputs), model(longer(inputs))
    torch.testing.assert_close(again["mood"], given["mood"], rtol=0, atol=MOST)
