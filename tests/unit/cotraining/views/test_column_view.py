import polars as pl
import torch

from cotrain._base._lazy import Lazy
from cotrain.cotraining import View, column_view
from cotrain.data import Schema, table_tensors


def test_only_the_named_columns_reach_the_peer():
    words = ["red", "green", "blue", "red", "green"] * 8
    frame = pl.DataFrame(
        {"a": [0.5 * i for i in range(40)], "b": [float(i * i) for i in range(40)], "c": words}
    )
    schema = Schema.infer(frame).fit(frame)
    other = frame.with_columns(pl.col("a") + 100.0, pl.lit("blue").alias("c"))
    view = column_view(schema, {"b"})
    first, second = (view(table_tensors(table, schema, [])["inputs"]) for table in (frame, other))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
    seen = column_view(schema, {"a"})
    assert not torch.equal(
        seen(table_tensors(frame, schema, [])["inputs"])["numbers"],
        seen(table_tensors(other, schema, [])["inputs"])["numbers"],
    )


def test_words_are_hidden_as_rows_of_none():
    frame = pl.DataFrame({"a": [0.5, 1.5, 2.5], "said": [["go", "!"], ["why", "?"], []]})
    schema = Schema.infer(frame).fit(frame)
    inputs = table_tensors(frame, schema, [])["inputs"]
    hidden, shown = column_view(schema, {"a"})(inputs), column_view(schema, {"said"})(inputs)
    for name in ("words:said", "characters:said"):
        assert hidden[name].lengths.tolist() == [0, 0, 0]
        assert shown[name] is inputs[name]


def test_pictures_that_are_still_files_are_hidden_as_those_in_memory():
    pictures = torch.arange(24, dtype=torch.uint8).reshape(2, 3, 2, 2)
    files = Lazy(["0", "1"], lambda cell: pictures[int(cell)])
    for seen in (torch.tensor(False), torch.tensor(True), torch.tensor([[True, False], [False, True]])):
        view = View({"picture:p": seen})
        found = view({"picture:p": files})["picture:p"].decoded()
        assert torch.equal(found, view({"picture:p": pictures})["picture:p"])


def test_subwords_are_hidden_as_rows_of_none(make_pretrained):
    folder = make_pretrained()
    frame = pl.DataFrame({"a": [["the", "film"], ["dogs"]], "b": ["the", "cats"]})
    kinds = {
        "a": {"kind": "subwords", "units": "words", "folder": folder},
        "b": {"kind": "subwords", "folder": folder},
    }
    schema = Schema.infer(frame, overrides=kinds).fit(frame)
    shown = column_view(schema, {"b"})(schema.encode(frame))
    assert [len(shown[key].values) for key in ("firsts:a", "pieces:a")] == [0, 0]
    assert len(shown["pieces:b"].values) > 0
