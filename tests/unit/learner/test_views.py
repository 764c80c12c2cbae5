import polars as pl
import pytest
import torch

from cotrain._base import ConfigError, InputSpec
from cotrain.data import Schema
from cotrain.learner._views import named_views, row_shapes

FRAME = pl.DataFrame(
    {
        "age": [1.0, 2.0, 4.0, None],
        "city": ["Rome", "Oslo", "Rome", "Bonn"],
        "note": ["a b c", "b c d e", "a b", "d"],
        "size": [5.0, 7.0, 6.0, 1.0],
    }
)


def coded():
    schema = Schema.infer(FRAME, overrides={"note": "text"}).fit(FRAME)
    return schema, schema.encode(FRAME)


@pytest.mark.parametrize("shown", [["age"], ["city", "size"], ["note"], ["age", "city", "note", "size"]])
def test_what_a_view_shows_does_not_depend_on_the_columns_that_it_hides(shown):
    schema, inputs = coded()
    view = named_views(schema, schema.spec(), {"one": shown})["one"]
    other = schema.encode(FRAME.with_columns(pl.col(c).reverse() for c in FRAME.columns if c not in shown))
    for name, tensor in view(inputs).items():
        assert torch.equal(tensor, view(other)[name]), name


def test_each_column_moves_what_its_own_view_shows():
    schema, inputs = coded()
    for column in FRAME.columns:
        view = named_views(schema, schema.spec(), {"one": [column]})["one"]
        other = view(schema.encode(FRAME.with_columns(pl.col(column).reverse())))
        assert any(not torch.equal(tensor, other[name]) for name, tensor in view(inputs).items()), column


def test_inputs_that_are_tensors_already_are_shown_whole_or_not_at_all():
    spec = InputSpec(tensors={"image": (3, 2), "sound": (4,)})
    view = named_views(None, spec, {"eyes": ["image"]})["eyes"]
    shown = view({"image": torch.ones(2, 3, 2), "sound": torch.ones(2, 4)})
    assert torch.equal(shown["image"], torch.ones(2, 3, 2))
    assert torch.equal(shown["sound"], torch.zeros(2, 4))


def test_a_view_of_no_column_is_refused_and_no_view_is_none():
    schema, _ = coded()
    with pytest.raises(ConfigError, match="'one' names 'aeg', which is no input column: did you mean 'age'"):
        named_views(schema, schema.spec(), {"one": ["aeg"]})
    with pytest.raises(ConfigError, match="'one' names 'age', which is no input column"):
        named_views(None, InputSpec(tensors={"image": (3,)}), {"one": ["age"]})
    assert named_views(schema, schema.spec(), {}) == {}


def test_random_views_may_divide_tensors_and_numbers_as_they_are_in_a_row():
    schema, inputs = coded()
    shapes = row_shapes(schema.spec())
    assert shapes["numbers"] == tuple(inputs["numbers"].shape[1:])
    assert row_shapes(InputSpec(tensors={"image": (3, 2)})) == {"image": (3, 2)}
