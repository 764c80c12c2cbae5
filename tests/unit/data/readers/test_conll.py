import gzip

import pytest

from cotrain._base import DataError
from cotrain.data import read_cells

UNIVERSAL = """\
# sent_id = 1
# text = vámonos al mar
1-2\tvámonos\t_\t_\t_\t_\t_\t_\t_\t_
1\tvamos\tir\tVERB\t_\tMood=Imp|Number=Plur\t0\troot\t_\t_
2\tnos\tnosotros\tPRON\t_\t_\t1\tobj\t_\t_
3-4\tal\t_\t_\t_\t_\t_\t_\t_\t_
3\ta\ta\tADP\t_\t_\t5\tcase\t_\t_
4\tel\tel\t_\t_\t_\t5\tdet\t_\t_
5\tmar\tmar\tNOUN\t_\t_\t1\tobl\t_\tSpaceAfter=No

# sent_id = 2
1\tSue\tSue\tPROPN\tNNP\t_\t0\troot\t_\t_
1.1\tlikes\tlike\tVERB\t_\t_\t_\t_\t1:conj\t_
2\t_\t_\tPUNCT\t-\t_\t1\tpunct\t_\t_
"""


def read(tmp_path, text: str, name: str):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return read_cells(path)


def test_conllu_is_a_row_per_sentence_without_ranges_and_empty_nodes(tmp_path) -> None:
    frame = read(tmp_path, UNIVERSAL, "train.conllu")
    assert frame["form"].to_list() == [["vamos", "nos", "a", "el", "mar"], ["Sue", "_"]]
    assert frame["upos"].to_list() == [["VERB", "PRON", "ADP", None, "NOUN"], ["PROPN", "PUNCT"]]
    assert frame["lemma"].to_list()[1] == ["Sue", "_"]
    assert frame["xpos"].to_list() == [[None] * 5, ["NNP", "-"]]
    assert frame["feats"].to_list()[0][:2] == ["Mood=Imp|Number=Plur", None]
    assert frame["head"].to_list() == [["0", "1", "5", "5", "1"], ["0", "1"]]


def test_ten_columns_are_conllu_whatever_the_ending_and_gz_is_unpacked(tmp_path) -> None:
    whole = read(tmp_path, UNIVERSAL, "a.conllu")
    assert read(tmp_path, UNIVERSAL.replace("\n", "\r\n"), "a.conll").equals(whole)
    (tmp_path / "a.conllu.gz").write_bytes(gzip.compress(UNIVERSAL.encode()))
    assert read_cells(tmp_path / "a.conllu.gz").equals(whole)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("EU B-ORG\nrejects O\n\nPeter B-PER\n", ["tokens", "tags"]),
        ("EU\tNNP\tB-ORG\nrejects\tVBZ\tO\n \nPeter\tNNP\tB-PER", ["tokens", "pos", "tags"]),
        (
            "-DOCSTART- -X- O O\n\nEU NNP I-NP B-ORG\nrejects VBZ I-VP O\n\n\nPeter NNP I-NP B-PER\n\n",
            ["tokens", "pos", "chunk", "tags"],
        ),
        ("# id = 7\nEU\tB-ORG\nrejects\tO\n\n# a comment\nPeter\tB-PER\n", ["tokens", "tags"]),
    ],
)
@pytest.mark.parametrize("ending", [".conll", ".bio", ".iob", ".iob2"])
def test_two_to_four_columns_are_a_row_per_sentence(tmp_path, text, columns, ending) -> None:
    frame = read(tmp_path, text, f"train{ending}")
    assert frame.columns == columns
    assert frame["tokens"].to_list() == [["EU", "rejects"], ["Peter"]]
    assert frame["tags"].to_list() == [["B-ORG", "O"], ["B-PER"]]


def test_a_word_may_be_a_number_sign_or_hold_blanks_between_tabs(tmp_path) -> None:
    frame = read(tmp_path, "the\tO\n#\tO\nNew York\tB-LOC\n", "a.conll")
    assert frame["tokens"].to_list() == [["the", "#", "New York"]]


@pytest.mark.parametrize("between", ["\n", " \t\n", "\t\n", "\n# a\tnote\n", "\n\n \n"])
def test_tabs_in_lines_without_words_say_nothing_of_the_columns(tmp_path, between: str) -> None:
    frame = read(tmp_path, f"# one\nSue B-PER\nran O\n{between}It O\n", "a.conll")
    assert frame["tokens"].to_list() == [["Sue", "ran"], ["It"]]
    assert frame["tags"].to_list() == [["B-PER", "O"], ["O"]]


def test_null_tags_are_null_and_null_words_are_words(tmp_path) -> None:
    frame = read(tmp_path, "- -\n_ _\nx O\n", "a.bio")
    assert frame["tokens"].to_list() == [["-", "_", "x"]]
    assert frame["tags"].to_list() == [[None, None, "O"]]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("I-A I-A O I-B B-B I-B", "B-A I-A O B-B B-B I-B"),
        ("I-A I-B O", "B-A B-B O"),
        ("B-A I-A O I-B", "B-A I-A O I-B"),  # B- begins a span: IOB2 with a fault, which stays to be seen
        ("B-A B-A O", "B-A B-A O"),
        ("S-A E-B O", "S-A E-B O"),
        ("NN I-A", "NN I-A"),
    ],
)
def test_spans_marked_the_old_way_are_marked_as_iob2(tmp_path, given: str, expected: str) -> None:
    text = "".join(f"w\t{tag}\n" for tag in given.split())
    assert read(tmp_path, text, "a.iob")["tags"].to_list() == [expected.split()]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.conllu", "1\tx\n", "line 1 has 2 columns, CoNLL-U has 10"),
        ("a.conllu", UNIVERSAL.replace("2\tnos", "two\tnos"), "line 5 begins with 'two'"),
        ("a.conll", "a O\nb O\nc\n", "line 3 has 1 column, the first word has 2"),
        ("a.conll", "a\n", "first word has 1 column"),
        ("a.conll", "a b c d e\n", "first word has 5 columns"),
        ("a.bio", "\n\n", "first word has 0 columns"),
        ("a.conllu", "# nothing\n\n", "is empty"),
    ],
)
def test_says_what_is_wrong_and_in_which_line(tmp_path, name: str, text: str, message: str) -> None:
    with pytest.raises(DataError, match=message) as error:
        read(tmp_path, text, name)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("separator", ["\t", " "])
@pytest.mark.parametrize(
    "start", ["", "# one\n", "-DOCSTART-\n\n", "-DOCSTART- -X- O\n\n", "# a longer note\n\n"]
)
def test_words_that_begin_with_the_mark_of_comments_are_words(tmp_path, separator, start) -> None:
    text = f"{start}#rome #\nis O\n\n# one\n# O\nran O\n#now #\n".replace(" O", f"{separator}O")
    frame = read(tmp_path, text.replace(" #\n", f"{separator}#\n"), "a.bio")
    assert frame["tokens"].to_list() == [["#rome", "is"], ["#", "ran", "#now"]]
    assert frame["tags"].to_list() == [["#", "O"], ["O", "O", "#"]]


@pytest.mark.parametrize("start", [0, 1])
def test_numbers_of_words_are_no_words(tmp_path, start: int) -> None:
    text = f"#\tsource\n{start}\tIn\tO\n{start + 1}\tRome\tB-LOC\n\n{start}\t7\tO\n"
    frame = read(tmp_path, text, "a.conll")
    assert frame.to_dict(as_series=False) == {
        "tokens": [["In", "Rome"], ["7"]],
        "tags": [["O", "B-LOC"], ["O"]],
    }
    kept = read(tmp_path, text.replace(f"{start}\t7", "7\t7"), "b.conll")
    assert kept["tokens"].to_list() == [[f"{start}", f"{start + 1}"], ["7"]]


def test_tags_before_their_words_are_tags(tmp_path) -> None:
    frame = read(tmp_path, "O\tshow\nB-GENRE\tfunny\nI-GENRE\tO\n", "a.bio")
    assert frame["tokens"].to_list() == [["show", "funny", "O"]]
    assert frame["tags"].to_list() == [["O", "B-GENRE", "I-GENRE"]]
    # Where both columns could be tags, or neither is surely, words stand first.
    assert read(tmp_path, "O\tO\nB-A\tB-A\n", "a.bio")["tokens"].to_list() == [["O", "B-A"]]
    assert read(tmp_path, "O\tshow\nO\tme\n", "a.bio")["tokens"].to_list() == [["O", "O"]]


def test_tabs_at_the_ends_of_lines_are_no_columns(tmp_path) -> None:
    frame = read(tmp_path, "Sue\tB-PER\t\nran\tO\t\n", "a.bio")
    assert frame.to_dict(as_series=False) == {"tokens": [["Sue", "ran"]], "tags": [["B-PER", "O"]]}


def test_json_lines_may_be_packed(tmp_path) -> None:
    text = '{"tokens": ["a", "b"], "tags": ["O", null]}\n{"tokens": [], "tags": null}\n'
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(text.encode()))
    assert read_cells(tmp_path / "a.jsonl.gz").to_dicts() == [
        {"tokens": ["a", "b"], "tags": ["O", None]},
        {"tokens": [], "tags": None},
    ]
