import polars as pl

from cotrain.learner._train_validation_split import divide
from cotrain.tasks import Binary


def test_a_split_without_unlabelled_rows_leaves_the_training_rows_as_they_are() -> None:
    frame = pl.DataFrame({"x": [0.0, 1.0], "y": [0, 1]})
    train, _ = divide(frame, None, [Binary("y")], 0, with_unlabelled=True, unlabelled=frame[:0])
    assert train.frame.cast({"x": pl.Float64}).equals(frame)
