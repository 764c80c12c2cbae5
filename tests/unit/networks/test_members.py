import pytest
import torch
from torch import nn

from cotrain import networks
from cotrain.networks import MLP, HardSharing, InputSpec, MultiTaskNetwork, Sharing, TabM
from cotrain.networks._members import MemberInputs, members_of

SPEC = InputSpec(n_numbers=3)
SHARINGS = [
    name
    for name in networks.__all__
    if isinstance(cls := getattr(networks, name), type) and issubclass(cls, Sharing) and cls is not Sharing
]


def test_all_members_read_the_same():
    stage = MemberInputs(nn.Flatten(), 3)
    inputs = torch.randn(2, 4)
    given = stage(inputs)
    assert given.shape == (2, 3, 4)
    assert all(torch.equal(given[:, member], inputs) for member in range(3))


@pytest.mark.parametrize("name", SHARINGS)
def test_every_way_of_sharing_knows_how_many_members_there_are(name):
    made = getattr(networks, name)
    many = made().build(lambda: TabM(8, 2, members=3).build(SPEC), ["a", "b", "c"])
    one = made().build(lambda: MLP((8, 8), n_inputs=3).build(SPEC), ["a", "b", "c"])
    assert many.members == members_of(many) == 3
    assert one.members == 1


@pytest.mark.parametrize("name", SHARINGS)
def test_members_speak_apart_in_training_and_together_afterwards(name):
    torch.manual_seed(0)
    make = lambda: TabM(8, 2, members=3, dropout=0.0).build(SPEC)  # noqa: E731
    sharing = getattr(networks, name)().build(make, ["a", "b"])
    heads = {task: nn.Linear(width, 2) for task, width in sharing.widths().items()}
    model = MultiTaskNetwork(sharing, heads)
    inputs = {"numbers": torch.randn(5, 3)}
    apart = model(inputs)
    together = model.eval()(inputs)
    for task in ("a", "b"):
        assert apart[task].shape == (5, 3, 2)
        assert len(apart[task].detach().unique(dim=1).unbind(1)) == 3
        if not name.startswith("DSelectK"):  # whose gates are others in training
            torch.testing.assert_close(together[task], apart[task].mean(1))


def test_a_table_without_rows_and_one_task():
    sharing = HardSharing().build(lambda: TabM(8, members=2).build(SPEC), ["a"])
    model = MultiTaskNetwork(sharing, {"a": nn.Linear(8, 1)}).eval()
    assert model({"numbers": torch.zeros(0, 3)})["a"].shape == (0, 1)
