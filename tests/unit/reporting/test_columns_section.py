import pytest

from cotrain.reporting._columns_section import MOST_COLUMNS, columns_section, importance_section


def test_columns_are_counted_by_kind_and_the_most_missing_is_named():
    columns = [
        {"name": "year", "kind": "number", "missing": 0.0},
        {"name": "budget", "kind": "number", "missing": 0.34},
        {"name": "plot", "kind": "text", "missing": 0.01},
    ]
    section = columns_section(columns)
    assert section.title == "3 input columns: 2 × number and 1 × text"
    assert section.text == "The most is missing of budget (34% of the training rows)."
    assert [row[0].text for row in section.blocks[0].rows] == ["budget", "plot", "year"]
    whole = columns_section(columns[:1])
    assert whole.title == "1 input column: 1 × number"
    assert "no cell of them is missing" in whole.text.lower()
    assert columns_section([]) is None


def importance(**columns):
    return {"importance": {"metric": "rmse", "value": 1.0,
                           "columns": [{"column": n, "drops": of} for n, of in columns.items()]}}  # fmt: skip


def test_importance_is_shown_for_every_task_with_its_range():
    found = {"price": importance(a=[0.1, 0.2, 0.3], b=[0.0, -0.1, 0.1]), "big": importance(b=[0.5, 0.5, 0.5])}
    section = importance_section(found)
    assert "rest on most" in section.title
    (table,) = section.blocks
    assert table.header == ["column", "price (rmse)", "big (rmse)"]
    cells = {row[0].text: [(cell.text, cell.detail) for cell in row[1:]] for row in table.rows}
    assert cells["a"] == [("+0.200", "+0.100 to +0.300"), ("–", "")]
    assert cells["b"][0] == ("0.000", "-0.100 to +0.100")
    assert all(0 <= (cell.shade or 0) <= 1 for row in table.rows for cell in row[1:])


def test_many_columns_are_cut_to_the_ones_that_matter():
    found = {"y": importance(**{f"c{i}": [float(i)] * 3 for i in range(60)})}
    (table,) = importance_section(found).blocks
    assert [row[0].text for row in table.rows] == [f"c{i}" for i in range(59, 59 - MOST_COLUMNS, -1)]


@pytest.mark.parametrize("found", [{}, {"y": {}}, {"y": importance()}])
def test_a_run_without_importance_has_no_section(found):
    assert importance_section(found) is None


def test_columns_of_no_use_at_all_are_no_trouble():
    assert importance_section({"y": importance(a=[0.0, 0.0, 0.0])}) is not None
