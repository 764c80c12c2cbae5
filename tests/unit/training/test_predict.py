import torch

from cotrain._base import InputSpec
from cotrain.networks import MLP, HardSharing, MultiTaskNetwork
from cotrain.training._predict import outputs_of


class Noted(torch.nn.Linear):
    def forward(self, input):
        self.sizes = [*getattr(self, "sizes", []), (len(input), self.training)]
        return super().forward(input)


def network():
    sharing = HardSharing().build(lambda: MLP((4,), n_inputs=3).build(InputSpec()), ["a", "b"])
    return MultiTaskNetwork(sharing, {"a": Noted(4, 1), "b": torch.nn.Linear(4, 2)})


def test_all_rows_are_answered_in_batches_in_evaluation_mode_and_the_mode_comes_back():
    model, rows = network().train(), torch.randn(2500, 3)
    outputs = outputs_of(model, {"inputs": rows}, batch_size=8)
    assert model.heads[0].sizes == [(1024, False), (1024, False), (452, False)]
    assert model.training
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {"a": (2500, 1), "b": (2500, 2)}
    expected = model.eval()({"inputs": rows[1020:1030]})
    torch.testing.assert_close(outputs["a"][1020:1030], expected["a"].detach(), rtol=1e-5, atol=1e-6)
    assert not outputs["a"].requires_grad


def test_no_row_at_all_has_no_answers():
    outputs = outputs_of(network().eval(), {"inputs": torch.zeros(0, 3)})
    assert {name: tuple(value.shape) for name, value in outputs.items()} == {"a": (0, 1), "b": (0, 2)}
