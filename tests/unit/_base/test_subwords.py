from __future__ import annotations

import copy
import pickle
from pathlib import Path

import pytest

from cotrain._base import DataError, InvalidArgumentError, SubwordSpec
from cotrain._base._subwords import SubwordTokenizer, read_tokenizer


def tokenizer_of(folder):
    return SubwordTokenizer(read_tokenizer(folder))


def test_what_stands_around_texts_is_read_off(make_pretrained):
    bert, roberta = tokenizer_of(make_pretrained("bert")).spec, tokenizer_of(make_pretrained("roberta")).spec
    n_tokens = bert.n_tokens
    assert bert == SubwordSpec(n_tokens, unknown=1, prefix=(2,), middle=(3,), suffix=(3,), second_type=1)
    assert (roberta.prefix, roberta.middle, roberta.suffix) == ((0,), (2, 2), (2,))
    assert (roberta.unknown, roberta.second_type) == (3, 0)


@pytest.mark.parametrize("kind", ["bert", "roberta", "xlm-roberta"])
def test_subwords_are_those_of_the_library_with_a_blank_before_each_word(make_pretrained, kind):
    import json

    from tokenizers import Tokenizer

    text = read_tokenizer(make_pretrained(kind))
    description = json.loads(text)
    if kind == "roberta":
        description["pre_tokenizer"]["add_prefix_space"] = True
    reference = Tokenizer.from_str(json.dumps(description))
    words = ["the", "undoing", "zzz,", "Film", "张三", "\x00"]
    found = SubwordTokenizer(text).of_words(words)
    whole = reference.encode(words, is_pretokenized=True, add_special_tokens=False)
    assert [number for word in found for number in word] == whole.ids
    for place, word in enumerate(found):
        assert len(word) == whole.word_ids.count(place)


@pytest.mark.parametrize("kind", ["bert", "roberta"])
def test_nothing_is_left_of_a_word_of_blanks(make_pretrained, kind):
    assert tokenizer_of(make_pretrained(kind)).of_words(["", "  ", "a"])[:2] == [[], []]


def test_truncation_and_padding_of_the_file_are_left_out(make_pretrained):
    from tokenizers import Tokenizer

    made = Tokenizer.from_str(read_tokenizer(make_pretrained()))
    made.enable_truncation(2)
    made.enable_padding(length=9)
    assert len(SubwordTokenizer(made.to_str()).of_texts(["the film was the plot"])[0]) > 4
    assert SubwordTokenizer(made.to_str()).of_texts([""]) == [[]]


def test_it_is_copied_and_pickled(make_pretrained):
    tokenizer = tokenizer_of(make_pretrained())
    for same in (copy.deepcopy(tokenizer), pickle.loads(pickle.dumps(tokenizer))):
        assert same.of_texts(["the film"]) == tokenizer.of_texts(["the film"])


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"version": "1.0"}'])
def test_what_is_no_tokenizer_is_refused_in_one_line(text):
    pytest.importorskip("tokenizers")
    with pytest.raises(DataError, match="describes no tokenizer") as raised:
        SubwordTokenizer(text)
    assert "\n" not in str(raised.value)


def test_a_folder_without_one_is_refused(tmp_path):
    with pytest.raises(InvalidArgumentError, match="There is no folder"):
        read_tokenizer(tmp_path / "absent")
    with pytest.raises(InvalidArgumentError, match="has no tokenizer.json: make it once"):
        read_tokenizer(Path(tmp_path))
