import torch
from torch import nn

from cotrain.networks import MLP, Encoder, InputSpec


class Two(Encoder):
    def build(self, spec):
        self.stages = nn.ModuleList([First(), nn.Linear(2, 3)])
        self.widths, self.width = (2, 3), 3
        return self


class First(nn.Module):
    def forward(self, inputs):
        return inputs["numbers"][:, :2]


def test_the_stages_run_one_after_the_other_from_the_dict_of_inputs():
    encoder = Two().build(InputSpec(n_numbers=4))
    rows = torch.randn(5, 4)
    torch.testing.assert_close(encoder({"numbers": rows}), encoder.stages[1](rows[:, :2]))


def test_an_encoder_that_is_built_twice_has_weights_of_its_own():
    spec = InputSpec(n_numbers=4)
    first, second = (MLP((8,), n_inputs=4, key="numbers").build(spec) for _ in range(2))
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(a is not b for a, b in pairs)
    assert first.widths[-1] == first.width
