"""What every exported encoder must do."""

from __future__ import annotations

import inspect

import torch

from cotrain import networks
from cotrain._base import parameters_of
from cotrain.networks import Encoder
from cotrain.networks._members import members_of
from cotrain.networks._positions import mask_after, run_stage

ENCODERS = {
    name: getattr(networks, name)
    for name in networks.__all__
    if inspect.isclass(getattr(networks, name))
    and issubclass(getattr(networks, name), Encoder)
    and getattr(networks, name) is not Encoder
}


def width_of(hidden):
    return hidden.shape[1 if hidden.dim() == 4 else -1]


def test_every_encoder_has_a_case(encoder_cases):
    assert {name.split("-")[0] for name in encoder_cases} == set(ENCODERS)


def test_stages_one_after_the_other_are_the_encoder_and_have_the_widths_it_says(encoder_case):
    encoder = encoder_case().eval()
    inputs = encoder_case.inputs(5)
    assert len(encoder.stages) == len(encoder.widths)
    hidden, before = inputs, inputs
    for stage, width in zip(encoder.stages, encoder.widths, strict=True):
        hidden = run_stage(stage, hidden, before if isinstance(before, torch.Tensor) else None)
        before = mask_after(stage, before)
        assert hidden.shape[0] == 5
        assert width_of(hidden) == width
    assert encoder.width == encoder.widths[-1]
    has_axis = hidden.dim() > 2 and members_of(encoder) == 1
    assert encoder.keeps_positions == has_axis or type(encoder) is networks.Wrap
    torch.testing.assert_close(encoder(inputs), hidden, rtol=0, atol=0)
    torch.testing.assert_close(encoder.mask(inputs), before, rtol=0, atol=0)


def test_a_batch_of_one_is_that_row_of_a_larger_batch(encoder_case):
    encoder = encoder_case().eval()
    inputs = encoder_case.inputs(5)
    one = encoder({key: value[2:3] for key, value in inputs.items()})
    torch.testing.assert_close(one, encoder(inputs)[2:3], rtol=1e-4, atol=1e-5)
    encoder.train()(encoder_case.inputs(1))


def test_gradients_reach_every_parameter(encoder_case):
    encoder = encoder_case()
    encoder(encoder_case.inputs(5)).square().sum().backward()
    assert [name for name, p in encoder.named_parameters() if p.grad is None] == []


def test_a_second_encoder_has_other_weights_and_takes_over_the_first_ones(encoder_case):
    first, second = encoder_case().eval(), encoder_case().eval()
    inputs = encoder_case.inputs(3)
    assert not torch.equal(first(inputs), second(inputs))
    second.load_state_dict(first.state_dict())
    torch.testing.assert_close(first(inputs), second(inputs), rtol=0, atol=0)


def test_export_gives_the_same_outputs(encoder_case):
    encoder = encoder_case().eval()
    inputs = encoder_case.inputs(3)
    program = torch.export.export(encoder, (inputs,), strict=False)
    torch.testing.assert_close(program.module()(inputs), encoder(inputs))


def test_constructor_parameters_are_kept_under_their_names():
    for name, encoder in ENCODERS.items():
        # The first argument is a network, which cannot be written down, or a folder that must be there.
        if name in ("Wrap", "PretrainedTransformer"):
            continue
        if name == "GraphEncoder":
            from importlib.util import find_spec

            if find_spec("torch_geometric") is None:
                continue
        made = encoder()
        defaults = {p.name: p.default for p in inspect.signature(encoder).parameters.values()}
        assert parameters_of(made) == defaults, name
