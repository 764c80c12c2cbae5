import pytest

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import MeanTeacher


def test_one_network_teaches_itself_by_its_average():
    strategy = MeanTeacher(average=0.9, gaussian=0.5)
    assert strategy.teachers(0, 1) == strategy.answering(1) == [0]
    assert strategy.online is not None
    assert (strategy.online.average, strategy.online.gaussian) == (0.9, 0.5)


@pytest.mark.parametrize(
    ("name", "value"),
    [("gaussian", -0.1), ("swap", 1.0), ("average", 0.0), ("true_share", 0.9), ("number_weight", 2.0)],
)
def test_options_out_of_range_are_refused(name: str, value: float):
    with pytest.raises(InvalidArgumentError, match=rf"MeanTeacher\({name}={value!r}\): expected"):
        MeanTeacher(**{name: value})
