import math

import pytest

from cotrain.reporting._formatting import headline, legend, listed, short, shown, signed_cell, word_verdict


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.84532, "0.845"), (0.0, "0.000"), (12.345, "12.35"), (1234.5, "1234"), (0.00012, "0.00012"),
     (0.0012345, "0.00123"), (-0.012345, "-0.0123"), (3.25e-13, "3.25e-13"),
     (None, "–"), (math.nan, "–"), (math.inf, "–"), (-0.5, "-0.500")],
)  # fmt: skip
def test_figures_have_three_to_four_digits(value, text):
    assert shown(value) == text


def test_a_sign_is_shown_where_it_says_something():
    assert shown(0.5, signed=True) == "+0.500"
    assert shown(-0.5, signed=True) == "-0.500"
    assert shown(0.0, signed=True) == "0.000"


def test_long_names_are_cut_and_turned_ones_end_with_a_mark():
    assert short("price") == "price"
    assert len(short("x" * 100)) == 60
    assert short("x" * 100).endswith("…")
    assert short("שלום").endswith("\u200e")


def test_names_become_a_list_in_a_sentence():
    assert listed(["a"]) == "a"
    assert listed(["a", "b"]) == "a and b"
    assert listed(["a", "b", "c"]) == "a, b and c"
    assert listed(list("abcdef"), most=2) == "a, b and 4 more"


def test_a_cell_is_coloured_by_sign_and_size():
    assert signed_cell(-0.5, 1.0).tone == "minus"
    assert signed_cell(-0.5, 1.0).shade == 0.5
    assert signed_cell(3.0, 2.0).shade == 1.0
    assert signed_cell(0.5, 0.0).shade == 0.0
    assert signed_cell(None, 1.0).text == "–"


def test_words_of_praise_and_blame_have_their_tones():
    tones = {
        word: word_verdict(word, "").tone
        for word in ("helped", "better than a constant", "hurt", "no clear difference", "unknown")
    }
    assert list(tones.values()) == ["good", "good", "bad", "", ""]
    unsure = ("unknown", "not judged", "learns nothing", "unfinished training", "no clear difference")
    assert len({word_verdict(word, "").sign for word in unsure}) == 5
    assert {word_verdict(word, "").tone for word in unsure} == {""}


def test_the_headline_says_no_more_than_the_verdicts():
    def of(**words):
        return headline([{"task": task, "word": word.replace("_", " ")} for task, word in words.items()])

    assert headline([]) == "No verdict: there are no test rows"
    assert of(a="helped", b="hurt") == "Learning together helped a and hurt b"
    assert of(a="not_judged", b="learns_nothing") == "One seed: not judged"
    assert of(a="no_clear_difference") == "Learning together made no clear difference"
    assert of(a="better_than_a_constant") == "Better than a constant: a"


def test_the_legend_has_a_line_for_each_name():
    entries = legend([f"task {i}" for i in range(10)])
    assert [entry.name for entry in entries] == [f"task {i}" for i in range(10)]
    assert entries[8].number == entries[0].number
