import pytest
import torch

from cotrain.networks import ESMM, MLP, HardSharing, InputSpec, MultiTaskNetwork, OutputSpace


class AtLeast(OutputSpace):
    """The second task is at least as likely as the first."""

    def forward(self, outputs):
        return {**outputs, "b": torch.maximum(outputs["a"], outputs["b"])}

    def check(self, tasks):
        pass

    def reads(self, task):
        return ("a",) if task == "b" else ()


def test_a_rule_of_ones_own_stands_behind_the_heads():
    sharing = HardSharing().build(lambda: MLP((4,), n_inputs=3).build(InputSpec()), ["a", "b"])
    heads = {"a": torch.nn.Linear(4, 1), "b": torch.nn.Linear(4, 1)}
    plain, ruled = MultiTaskNetwork(sharing, heads), MultiTaskNetwork(sharing, heads, output_space=AtLeast())
    inputs = {"inputs": torch.randn(8, 3)}
    before, after = plain(inputs), ruled(inputs)
    torch.testing.assert_close(after["a"], before["a"])
    torch.testing.assert_close(after["b"], torch.maximum(before["a"], before["b"]))


def test_a_rule_that_does_not_say_what_it_reads_cannot_be_made():
    class Half(OutputSpace):
        def forward(self, outputs):
            return outputs

    with pytest.raises(TypeError, match="abstract"):
        Half()


def test_the_rule_that_comes_along_is_one():
    assert issubclass(ESMM, OutputSpace)
