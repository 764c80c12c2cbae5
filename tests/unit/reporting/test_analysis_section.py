from cotrain.reporting._analysis import NO_RECORDS, NOTHING
from cotrain.reporting._analysis_section import advice_section, analysis_section

GRADIENTS = {
    "tasks": ["a", "b"],
    "norms": [3.0, 1.0],
    "weights": [1.0, 1.0],
    "share": [0.75, None],
    "cosines": [[1.0, -0.2], [-0.2, 1.0]],
    "affinity": [[0.5, -0.1], [None, 0.4]],
}


def test_the_loudest_task_gives_the_title():
    found = analysis_section({"gradients": GRADIENTS})
    assert found.title == "a has 75% of the pull on the shared parameters"
    lengths, cosines, affinity = found.blocks
    assert [row[3].text for row in lengths.rows] == ["75%", "–"]
    assert cosines.rows[0][2].tone == "minus"
    assert affinity.rows[1][1].text == "–"
    assert affinity.rows[0][1].shade == 1.0


def test_without_records_there_is_no_section():
    assert analysis_section({"gradients": None}) is None


def test_what_stands_out_is_counted():
    assert advice_section({"sentences": [NO_RECORDS, NOTHING]}) is None
    assert advice_section({"sentences": ["One."]}).title == "One thing stands out, and what to try"
    found = advice_section({"sentences": ["One.", NO_RECORDS, "Two."]})
    assert found.title == "2 things stand out, and what to try"
    assert found.points == ["One.", "Two."]
