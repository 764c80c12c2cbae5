import pytest

from cotrain._base import InvalidArgumentError
from cotrain.cotraining import CrossPseudoSupervision, MeanTeacher, TextAugmentation
from cotrain.tasks import Binary, Tagging

from .recording import RecordingFactory


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


@pytest.mark.parametrize("kind", [MeanTeacher, CrossPseudoSupervision])
def test_words_change_places_only_where_no_task_has_an_answer_for_each(kind):
    text = TextAugmentation(swap=0.2)
    assert kind(text=text).online.text is text
    kind(text=text).peers(RecordingFactory([Binary("a")]))
    kind(text=TextAugmentation()).peers(RecordingFactory([Tagging("tags")]))
    with pytest.raises(InvalidArgumentError, match="labels of task 'tags' for every word would not move"):
        kind(text=text).peers(RecordingFactory([Binary("a"), Tagging("tags")]))
