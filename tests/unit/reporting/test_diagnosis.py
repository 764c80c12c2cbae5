import pytest

from cotrain.reporting._diagnosis import calibration_distance, calibration_gap, diagnosis_sections
from cotrain.reporting._draw import Pen

pytest.importorskip("matplotlib", reason="the extra 'report' is not installed")

BINS = [{"confidence": 0.9, "right": 0.7, "n": 10}, {"confidence": 0.6, "right": 0.8, "n": 30}]
FOUND = {
    "a": {"calibration": BINS, "confusion": {"names": ["x", "y"], "counts": [[5, 1], [2, 9]]}},
    "b": {
        "residuals": [
            {"name": "b", "n": 3, "mean_error": 0.1, "half_within": 0.2, "true": [1, 2, 3],
             "predicted": [1.1, 2.1, 3.1]}
        ]
    },
}  # fmt: skip


def test_too_sure_and_too_shy_cancel_in_the_gap_and_not_in_the_distance():
    assert calibration_gap(BINS) == pytest.approx((10 * 0.2 - 30 * 0.2) / 40)
    assert calibration_distance(BINS) == pytest.approx(0.2)
    assert calibration_gap([]) == calibration_distance([]) == 0.0


def test_there_is_a_section_for_each_kind_of_figure():
    titles = [section.title for section in diagnosis_sections(FOUND, Pen())]
    assert len(titles) == 3
    assert titles[1:] == [
        "What is mistaken for what on the test rows",
        "Predicted and true values on the test rows",
    ]


def test_it_says_what_was_counted():
    counts = {"names": ["x", "y"], "counts": [[5, 1], [2000, 9]]}
    for confusion, said in ((counts, "(2,000 rows)"), (counts | {"of": "pixels"}, "(2,000 pixels)")):
        (section,) = diagnosis_sections({"a": {"confusion": confusion}}, Pen())
        assert said in section.blocks[0].title


def test_without_figures_there_is_nothing():
    assert diagnosis_sections({"a": {}}, Pen()) == []


def test_a_sentence_shows_each_word_above_its_true_and_predicted_tag_and_stars_what_is_wrong():
    rows = [
        {"which": "worst", "words": ["Ann", "ran", "."], "true": ["P", "V", ""], "predicted": ["P", "N", "X"],
         "wrong": 1, "labelled": 2},
        {"which": "typical", "words": ["rain"], "true": ["N"], "predicted": ["N"], "wrong": 0, "labelled": 1},
    ]  # fmt: skip
    (section,) = diagnosis_sections({"pos": {"sentences": rows}}, Pen())
    worst, typical = section.blocks
    assert worst.header == ["", "Ann", "ran", "."]
    assert [[cell.text for cell in row] for row in worst.rows] == [
        ["true", "P", "V", ""],
        ["predicted", "P", "N *", "X"],
    ]
    assert worst.title == "pos, one of the worst rows (1): 1 of 2 words wrong"
    assert (worst.folded, typical.folded) == (False, True)
    assert "*" not in typical.rows[1][1].text
