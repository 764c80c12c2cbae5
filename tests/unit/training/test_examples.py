import pytest
import torch

from cotrain._base._lazy import Lazy
from cotrain._base._ragged import Ragged
from cotrain.training import Examples


def examples():
    inputs = {"numbers": torch.arange(8.0).reshape(4, 2)}
    targets = {"a": torch.tensor([[1.0], [0.0], [0.0], [1.0]]), "b": torch.zeros(4, 2)}
    masks = {
        "a": torch.tensor([[True], [False], [True], [False]]),
        "b": torch.tensor([[0.0, 0.0], [0.5, 0.0], [0.0, 0.0], [0.0, 1.0]]),
    }
    return Examples(inputs, targets, masks)


def test_rows_are_taken_in_the_order_that_is_asked_for():
    rows = examples().take(torch.tensor([2, 0]))
    assert len(rows) == 2
    assert rows.inputs["numbers"].tolist() == [[4.0, 5.0], [0.0, 1.0]]
    assert rows.masks["a"].tolist() == [[True], [True]]


def test_a_row_is_labelled_for_a_task_if_any_of_its_entries_is():
    assert examples().labelled().tolist() == [[True, False], [False, True], [True, False], [False, True]]


def test_the_fingerprint_sees_every_value_and_every_name():
    first = examples()
    assert first.fingerprint() == examples().fingerprint()
    for part in ("inputs", "targets", "masks"):
        for name, tensor in getattr(examples(), part).items():
            other = examples()
            changed = tensor.clone()
            changed[-1, -1] = not changed[-1, -1] if changed.dtype == torch.bool else changed[-1, -1] + 1
            getattr(other, part)[name] = changed
            assert other.fingerprint() != first.fingerprint(), (part, name)
    renamed = examples()
    renamed.inputs["other"] = renamed.inputs.pop("numbers")
    assert renamed.fingerprint() != first.fingerprint()


def test_parts_are_moved_together():
    moved = examples().to(torch.device("meta"))
    assert {tensor.device.type for part in moved.parts().values() for tensor in part.values()} == {"meta"}


def ragged_examples():
    offsets = torch.tensor([0, 2, 2, 3])
    words = Ragged(torch.tensor([5, 6, 7]), offsets)
    mask = Ragged(torch.tensor([False, True, False]), offsets)
    weights = Ragged(torch.tensor([0.0, 0.0, 0.25]), offsets)
    inputs = {"words": words, "numbers": torch.zeros(3, 2)}
    return Examples(inputs, {"a": words, "b": words}, {"a": mask, "b": weights})


def test_ragged_rows_are_taken_moved_and_labelled_by_their_entries():
    rows = ragged_examples()
    assert len(rows) == 3
    assert rows.labelled().tolist() == [[True, False], [False, False], [False, True]]
    taken = rows.take(torch.tensor([2, 0, 2]))
    assert len(taken) == 3
    assert taken.inputs["words"].padded().tolist() == [[7, 0], [5, 6], [7, 0]]
    assert taken.labelled().tolist() == [[False, True], [True, False], [False, True]]
    moved = rows.to(torch.device("meta"))
    assert moved.inputs["words"].device.type == "meta"


@pytest.mark.parametrize("part", ["inputs", "targets", "masks"])
def test_the_fingerprint_sees_every_entry_and_where_rows_begin(part):
    first = ragged_examples()
    assert first.fingerprint() == ragged_examples().fingerprint()
    for name, leaf in getattr(first, part).items():
        if not isinstance(leaf, Ragged):
            continue
        changed = leaf.values.clone()
        changed[-1] = changed[-1] == 0 if changed.dtype == torch.bool else changed[-1] + 1
        for other_leaf in (Ragged(changed, leaf.offsets), Ragged(leaf.values, torch.tensor([0, 1, 2, 3]))):
            other = ragged_examples()
            getattr(other, part)[name] = other_leaf
            assert other.fingerprint() != first.fingerprint()


def test_rows_of_files_are_known_by_what_the_files_hold(tmp_path):
    for name in "abc":
        (tmp_path / name).write_text(name)
    mask = torch.ones(3, 1, dtype=torch.bool)
    files = Lazy([str(tmp_path / name) for name in "abc"], lambda path: torch.zeros(1))
    rows = Examples({"x": files}, {"y": mask.float()}, {"y": mask})
    before = rows.fingerprint()
    assert len(rows.take(torch.tensor([2, 0])).to(torch.device("cpu"))) == 2
    assert rows.take(torch.tensor([1, 0, 2])).fingerprint() != before
    assert rows.fingerprint() == before
    (tmp_path / "b").write_text("B")
    assert rows.fingerprint() != before
