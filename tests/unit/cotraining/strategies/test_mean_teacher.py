import pytest

from cotrain._base import ConfigError, InvalidArgumentError
from cotrain.configuration import construct, describe
from cotrain.cotraining import MeanTeacher, Strategy


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


def test_how_its_texts_are_changed_is_a_mapping_in_a_file():
    spec = {"kind": "MeanTeacher", "text": {"swap": 0.2, "span": 2}}
    made = construct(Strategy, spec, "strategy")
    assert isinstance(made, MeanTeacher)
    assert made.text is not None
    assert (made.text.swap, made.text.span) == (0.2, 2)
    assert describe(made)["text"] == spec["text"]
    with pytest.raises(ConfigError, match="strategy.text"):
        construct(Strategy, {"kind": "MeanTeacher", "text": {"drop": 0.2}}, "strategy")
