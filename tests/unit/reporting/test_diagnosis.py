import pytest

from cotrain.reporting._diagnosis import (
    calibration_distance,
    calibration_gap,
    calibration_manner,
    diagnosis_sections,
)
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


def test_of_classes_that_are_counted_together_not_all_are_right():
    confusion = {"names": ["x", "(other)"], "counts": [[5, 0], [0, 5]], "right": 6}
    (section,) = diagnosis_sections({"a": {"confusion": confusion}}, Pen())
    assert section.blocks[0].title == "a: 60% right"


def label(name, threshold):
    counts = {"true_positive": 3, "false_positive": 0, "false_negative": 2, "true_negative": 9}
    return {"name": name, "threshold": threshold, **counts}


def test_it_says_at_which_probability_yes_begins():
    found = {"labels": [label("a", 0.25)]}
    (section,) = diagnosis_sections({"t": found}, Pen())
    assert section.blocks[0].note == "At probability 0.25, on labelled test rows."
    found = {"labels": [label("a", 0.25), label("b", 0.5)]}
    (section,) = diagnosis_sections({"t": found}, Pen())
    assert section.blocks[0].note == "Each label at a threshold of its own, on labelled test rows."
    assert [row[0].detail for row in section.blocks[0].rows] == ["yes above 0.25", "yes above 0.5"]


def test_it_says_of_what_residuals_are():
    (residual,) = FOUND["b"]["residuals"]
    for unit, said in (("", "too high"), ("log10", "too high, in log10 of the column's values")):
        (section,) = diagnosis_sections({"b": {"residuals": [residual | {"unit": unit}]}}, Pen())
        assert section.blocks[0].title.endswith(said)
        assert f"true value ({unit or 'unit'} of the column)" in section.blocks[0].svg
    (section,) = diagnosis_sections({"b": {"residuals": [residual | {"mean_error": 0.0}]}}, Pen())
    assert section.blocks[0].title.endswith("on average neither too high nor too low")


@pytest.mark.parametrize(
    ("pairs", "of_yes", "manner"),
    [
        ([(0.95, 0.8), (0.7, 0.6)], False, "too sure"),
        ([(0.8, 0.95), (0.6, 0.7)], False, "not sure enough"),
        ([(0.95, 0.8), (0.05, 0.2)], True, "too sure"),
        ([(0.8, 0.95), (0.2, 0.05)], True, "not sure enough"),
        ([(0.2, 0.1), (0.3, 0.2)], True, "yes comes true less often than said"),
        ([(0.6, 0.7), (0.3, 0.4)], True, "yes comes true more often than said"),
        ([(0.95, 0.8), (0.8, 0.95), (0.05, 0.2), (0.2, 0.05)], True, "too sure here, not sure enough there"),
        ([(0.5, 0.51)], True, "well calibrated"),
    ],
)
def test_the_sureness_of_a_yes_or_no_is_that_of_the_more_probable_value(pairs, of_yes, manner):
    bins = [{"confidence": said, "right": true, "n": 200} for said, true in pairs]
    assert calibration_manner(bins, of_yes=of_yes) == manner


def test_few_labels_are_off_by_chance_and_nobody_is_blamed_for_it():
    """Fourteen of twenty true at 80 % is what a right model often sees; 140 of 200 is not."""
    few, many = ([{"confidence": 0.8, "right": 0.7, "n": n}] for n in (20, 200))
    assert calibration_manner(few, of_yes=False) == "not further off than chance"
    assert calibration_manner(many, of_yes=False) == "too sure"
    found = {name: {"calibration": bins} for name, bins in (("a", few), ("b", many))}
    (section,) = diagnosis_sections({"a": found["a"]}, Pen())
    assert section.title == "Probabilities come true as far as so few labels can tell"
    assert section.blocks[0].title == (
        "a: not further off than chance (10.0% off on average, chance alone: 7.0%)"
    )
    (section,) = diagnosis_sections(found, Pen())
    assert section.title == "Trust probabilities least for b: they are 10% off on average"
