import torch

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
