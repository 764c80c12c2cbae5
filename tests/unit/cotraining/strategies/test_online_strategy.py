import pytest

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import CrossPseudoSupervision, MeanTeacher


@pytest.mark.parametrize("kind", [MeanTeacher, CrossPseudoSupervision])
@pytest.mark.parametrize(
    ("name", "wrong"),
    [("gaussian", -0.1), ("swap", 1.0), ("average", 1.0), ("true_share", 0.6), ("number_weight", 1.5)],
)
def test_arguments_out_of_range_are_named(kind, name, wrong):
    with pytest.raises(InvalidArgumentError, match=rf"{kind.__name__}\({name}={wrong!r}\)"):
        kind(**{name: wrong})


@pytest.mark.parametrize("kind", [MeanTeacher, CrossPseudoSupervision])
def test_what_the_rounds_need_to_go_on_stands_in_one_place(kind):
    online = kind(gaussian=0.1, swap=0.2, average=0.9, true_share=0.4).online
    assert (online.gaussian, online.swap, online.average, online.true_share) == (0.1, 0.2, 0.9, 0.4)
