import polars as pl
import pytest
import torch
from torch import nn

from cotrain.tasks import Binary, Multiclass, Multilabel, Ordinal, Regression
from cotrain.tasks._member_head import MemberHead, members_as_rows

ROWS = pl.DataFrame(
    {
        "n": [0.0, 1.0, 5.0, 2.0, None, 3.0],
        "b": [True, False, True, None, False, True],
        "c": ["x", "y", "z", "x", "y", "z"],
        "l": [1, 2, 3, 2, 1, 3],
        "d": [1, 0, 1, 1, 0, 0],
    }
)


def kinds():
    return {
        "numbers": Regression("n"),
        "quantiles": Regression("n", quantiles=[0.1, 0.5, 0.9]),
        "yes": Binary("b"),
        "classes": Multiclass("c"),
        "labels": Multilabel("both", columns=["b", "d"]),
        "levels": Ordinal("l"),
    }


@pytest.fixture(params=list(kinds()))
def task(request):
    found = kinds()[request.param]
    found.fit(ROWS)
    return found


def test_each_member_has_a_head_of_its_own(task):
    torch.manual_seed(0)
    head = task.head(5, [4], members=3)
    assert isinstance(head, MemberHead)
    hidden = torch.randn(2, 3, 5)
    output = head(hidden)
    assert output.shape == (2, 3, task.n_outputs)
    for member in range(3):
        alone = torch.zeros_like(hidden)
        alone[:, member] = hidden[:, member]
        torch.testing.assert_close(head(alone)[:, member], output[:, member])
    alike = head(hidden[:, :1].expand(-1, 3, -1))
    assert not torch.equal(alike[:, 0], alike[:, 1])


def test_the_loss_is_the_mean_of_the_members_losses(task):
    torch.manual_seed(0)
    targets, mask = task.encode(ROWS)
    output = torch.randn(len(ROWS), 3, task.n_outputs)
    given = task.loss(output, targets, mask)
    apart = [task.loss(output[:, member], targets, mask) for member in range(3)]
    torch.testing.assert_close(given, torch.stack(apart).mean())
    weights = mask.float() * torch.arange(len(ROWS))[:, None]
    weighted = [task.loss(output[:, member], targets, weights) for member in range(3)]
    torch.testing.assert_close(task.loss(output, targets, weights), torch.stack(weighted).mean())
    assert float(task.loss(output, targets, torch.zeros_like(mask))) == 0


def test_members_may_have_labels_of_their_own(task):
    torch.manual_seed(0)
    targets, mask = task.encode(ROWS)
    own = torch.stack([targets, targets.flip(0)], dim=1)
    masks = torch.stack([mask, mask.flip(0)], dim=1)
    output = torch.randn(len(ROWS), 2, task.n_outputs)
    apart = [task.loss_sum(output[:, m], own[:, m], masks[:, m]) for m in range(2)]
    kept, total = task.loss_sum(output, own, masks)
    torch.testing.assert_close(kept, apart[0][0] + apart[1][0])
    assert total == apart[0][1] + apart[1][1]


def test_the_joint_answer_has_the_mean_of_the_scores(task):
    torch.manual_seed(0)
    output = torch.randn(len(ROWS), 3, task.n_outputs)
    joint = task.head(5, members=3).blended(output)
    assert joint.shape == (len(ROWS), task.n_outputs)
    assert joint.dtype == output.dtype
    expected = torch.stack([task.scores(output[:, member]) for member in range(3)]).mean(0)
    torch.testing.assert_close(task.scores(joint).double(), expected.double(), rtol=1e-4, atol=1e-5)


def test_all_heads_begin_at_the_best_constant(task):
    head = task.head(5, members=3)
    targets, mask = task.encode(ROWS)
    task.start_head(head, targets, mask)
    constant = task.reference_output(targets, mask)
    output = head(torch.zeros(1, 3, 5))
    torch.testing.assert_close(output, constant.expand(1, 3, -1).to(output.dtype))


def test_rows_of_members():
    output, target = torch.arange(8.0).reshape(2, 2, 2), torch.tensor([[1], [2]])
    rows, labels, mask = members_as_rows(output, target, target > 0)
    assert rows.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    assert labels.flatten().tolist() == [1, 1, 2, 2]
    assert bool(mask.all())


def test_layers_of_any_kind_run_one_after_the_other():
    torch.manual_seed(0)
    copies = [nn.Sequential(nn.Bilinear(1, 1, 1)) for _ in range(2)]

    class Squared(nn.Module):
        def __init__(self, inner):
            super().__init__()
            self.inner = inner

        def forward(self, hidden):
            return self.inner(hidden, hidden)

    head = MemberHead([nn.Sequential(Squared(copy[0])) for copy in copies], lambda output: output.mean(1))
    hidden = torch.randn(3, 2, 1)
    expected = torch.stack([copies[m][0](hidden[:, m], hidden[:, m]) for m in range(2)], dim=1)
    torch.testing.assert_close(head(hidden), expected)
