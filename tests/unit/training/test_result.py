from cotrain.training import FitResult


def test_what_the_last_epoch_says_of_gates_is_told():
    history = [{"epoch": 0}, {"epoch": 1, "health": {"sentence": "Expert 0 is dead."}}]
    assert FitResult([], {}, {}, history, {}).health == "Expert 0 is dead."


def test_without_gates_or_epochs_there_is_nothing_to_tell():
    assert FitResult([], {}, {}, [{"epoch": 0}], {}).health == ""
    assert FitResult([], {}, {}, [], {}).health == ""
