from __future__ import annotations

import json

import numpy as np
import polars as pl
import pytest

from cotrain._base import DataError, InvalidArgumentError
from cotrain.data import RowEncoder, Schema
from cotrain.data._table import TypedTable
from cotrain.data.columns import Subwords
from cotrain.data.columns._subwords import divide_room

ROWS = [["the", "unhappy", "film"], None, [], ["zzz", None, "Dogs"], ["cats"]]


def fitted(values, **options):
    return Subwords("t", **options).fit(pl.Series("t", values))


def test_words_are_cut_as_the_library_cuts_them(make_pretrained):
    from tokenizers import Tokenizer

    folder = make_pretrained()
    column = fitted(ROWS, folder=folder, units="words")
    parts = column.encode(pl.Series("t", ROWS))
    library = Tokenizer.from_file(f"{folder}/tokenizer.json")
    assert parts.lengths.tolist() == [len(row or []) for row in ROWS]
    firsts, pieces, numbers = [], [], []
    for row in ROWS:
        place = 0
        before = len(pieces)
        for word in row or []:
            ids = library.encode(word or "[UNK]", add_special_tokens=False).ids
            firsts.append([ids[0], place])
            pieces += [[number, place + 1 + i] for i, number in enumerate(ids[1:])]
            place += len(ids)
        numbers.append(len(pieces) - before)
    assert parts.firsts.tolist() == firsts
    assert parts.pieces.tolist() == pieces
    assert parts.piece_lengths.tolist() == numbers


def test_a_text_is_cut_as_the_library_cuts_it(make_pretrained):
    from tokenizers import Tokenizer

    folder, texts = make_pretrained(), ["the unhappy film", None, " ", "Dogs, zzz"]
    parts = fitted(texts, folder=folder).encode(pl.Series("t", texts))
    library = Tokenizer.from_file(f"{folder}/tokenizer.json")
    expected = [library.encode((text or "").strip(), add_special_tokens=False).ids for text in texts]
    assert parts.firsts is None
    assert parts.piece_lengths.tolist() == [len(ids) for ids in expected]
    assert parts.pieces[:, 0].tolist() == [number for ids in expected for number in ids]
    assert parts.pieces[:, 1].tolist() == [place for ids in expected for place in range(len(ids))]


def test_it_comes_back_from_json_without_the_folder(make_pretrained, tmp_path):
    column = fitted(ROWS, folder=make_pretrained(), units="words")
    saved = json.loads(json.dumps({**column.to_json()}))
    saved["options"]["folder"] = str(tmp_path / "absent")
    again = Subwords.from_json(saved)
    first, second = column.encode(pl.Series("t", ROWS)), again.encode(pl.Series("t", ROWS))
    np.testing.assert_array_equal(first.pieces, second.pieces)
    np.testing.assert_array_equal(first.firsts, second.firsts)
    assert again.subwords == column.subwords
    assert again.of_words


def test_the_end_of_a_long_text_is_cut_and_counted(make_pretrained):
    column = fitted(["the " * 9, "the", None], folder=make_pretrained(), max_tokens=4)
    parts = column.encode(pl.Series("t", ["the " * 9, "the"]))
    assert column.cut == 1
    assert parts.piece_lengths.tolist() == [4, 1]
    assert parts.pieces[:, 1].tolist() == [0, 1, 2, 3, 0]


def test_long_rows_of_words_are_refused_unless_the_limit_is_the_users(make_pretrained):
    rows = [["the"], ["the"] * 9]
    column = fitted(rows, folder=make_pretrained(), units="words", room=8)
    with pytest.raises(DataError, match="row 1 has words of 9 subwords, and the model reads 8") as raised:
        column.encode(pl.Series("t", rows))
    assert "\n" not in str(raised.value)
    column = fitted(rows, folder=make_pretrained(), units="words", room=8, max_tokens=100)
    assert column.encode(pl.Series("t", rows)).lengths.tolist() == [1, 8]


def test_text_becomes_words_as_in_a_column_of_words(make_pretrained):
    texts = ["Dogs bark, cats.", '["the film", "was"]', "it's the plot."]
    column = fitted(texts, folder=make_pretrained(), units="words")
    assert column.encode(pl.Series("t", texts)).lengths.tolist() == [5, 2, 4]


def test_one_row_is_coded_as_a_table_of_it(make_pretrained):
    frame = pl.DataFrame({"t": [row or [] for row in ROWS], "u": ["the film", None, "a", "b", "c"]})
    kinds = {
        "t": {"kind": "subwords", "units": "words", "folder": make_pretrained()},
        "u": {"kind": "subwords", "folder": make_pretrained()},
    }
    table = TypedTable.read(frame)
    schema = Schema.infer(frame, overrides=kinds, types=table.types).fit(frame)
    encoder = RowEncoder(schema, table.types, table.missing)
    whole = schema.encode(frame)
    for row in range(len(frame)):
        one = encoder.encode(frame.row(row, named=True))
        for name, leaf in one.items():
            assert leaf.values.tolist() == whole[name][row : row + 1].values.tolist()


def test_a_linear_model_counts_its_words(make_pretrained):
    terms = fitted(ROWS, folder=make_pretrained(), units="words").terms(pl.Series("t", ROWS))
    assert set(terms["term"]) >= {"the", "unhappy film", "dogs", "cats"}
    terms = fitted(["The film"], folder=make_pretrained()).terms(pl.Series("t", ["The film"]))
    assert terms["term"].to_list() == ["the", "film", "the film"]


@pytest.mark.parametrize("options", [{"units": "letters"}, {"split": "x"}, {"max_tokens": 0}, {"room": 0}])
def test_options_out_of_range_are_refused(options):
    with pytest.raises(InvalidArgumentError, match="Column 't'"):
        Subwords("t", **options)


def test_without_a_folder_it_says_what_to_give():
    with pytest.raises(InvalidArgumentError, match="take the encoder PretrainedTransformer, or give folder="):
        fitted(["a"])


def test_columns_share_the_room_by_what_training_needs(make_pretrained):
    frame = pl.DataFrame({"t": ["the", "the the"], "u": ["the " * 30, "the"], "w": [["the"] * 6, ["the"]]})
    kinds = {
        name: {"kind": "subwords", "folder": make_pretrained(), "room": 20, "units": units}
        for name, units in {"t": "text", "u": "text", "w": "words"}.items()
    }
    schema = Schema.infer(frame, overrides=kinds).fit(frame)
    assert [column.most for column in schema.columns] == [2, 12, 6]
    assert [column.cut for column in schema.columns] == [0, 1, 0]
    again = Schema.from_json(json.loads(json.dumps(schema.to_json())))
    assert [column.most for column in again.columns] == [2, 12, 6]
    for name, leaf in schema.encode(frame).items():
        assert again.encode(frame)[name].values.tolist() == leaf.values.tolist()


def test_all_of_the_room_is_divided_and_nobody_gets_less_than_somebody_who_needs_no_more():
    generator = np.random.default_rng(0)
    for _ in range(300):
        n = int(generator.integers(1, 6))
        needs = generator.integers(1, 60, n).tolist()
        first = (generator.random(n) < 0.5).tolist()
        room = int(generator.integers(n, 120))
        granted = divide_room(needs, first, room)
        assert sum(granted) == room
        assert min(granted) >= 1
        if sum(needs) <= room:
            assert all(share >= need for share, need in zip(granted, needs, strict=True))
        short = [place for place in range(n) if granted[place] < needs[place]]
        for place in short:
            others = [granted[i] for i in range(n) if first[i] == first[place]]
            assert max(others) <= granted[place] + 2
            # Whoever goes first is short only if the others have next to nothing.
            if first[place]:
                assert all(granted[i] <= 2 for i in range(n) if not first[i])
