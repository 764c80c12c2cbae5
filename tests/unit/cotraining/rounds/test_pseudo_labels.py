import torch

from cotrain import tasks as kinds
from cotrain.cotraining import PseudoLabels
from cotrain.cotraining.rounds._pseudo_labels import with_pseudo_labels
from cotrain.training import Examples


def rows() -> Examples:
    return Examples(
        {"inputs": torch.zeros(3, 1)},
        {"a": torch.tensor([[1], [0], [0]])},
        {"a": torch.tensor([[True], [False], [False]])},
    )


def cache() -> PseudoLabels:
    return PseudoLabels(
        torch.tensor([[2], [2], [0]]),
        torch.tensor([[0.9], [0.9], [0.0]]),
        torch.tensor([[0.5], [0.5], [0.0]]),
        round=1,
        teacher="b",
    )


def test_fills_unlabelled_cells_with_their_weights():
    task = kinds.Multiclass("a")
    joined = with_pseudo_labels(rows(), [task], {"a": cache()})
    assert joined.targets["a"].flatten().tolist() == [1, 2, 0]
    assert joined.masks["a"].flatten().tolist() == [1.0, 0.5, 0.0]


def test_never_writes_to_the_users_labels():
    examples, task = rows(), kinds.Multiclass("a")
    before = examples.fingerprint()
    joined = with_pseudo_labels(examples, [task], {"a": cache()})
    joined.targets["a"][:] = 7
    joined.masks["a"][:] = 0
    assert examples.fingerprint() == before


def test_counts_what_was_accepted():
    assert cache().n_accepted == 2
    assert PseudoLabels.none(torch.zeros(4, 2)).n_accepted == 0
