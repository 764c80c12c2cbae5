from cotrain.reporting._class_figures import MOST_CLASSES, MOST_TASKS, class_tables


def row(task, metric, part, value, direction="max", alone=None):
    return {
        "task": task, "metric": metric, "direction": direction, "part": part, "n_labelled": 1200,
        "value": value,
        "references": {"constant": 0.25, "trees": None, "single_task": alone},
    }  # fmt: skip


def test_every_class_is_a_row_and_every_metric_a_column():
    rows = [
        row("mask", "miou", None, 0.5),
        row("mask", "miou", "tree", 0.3, alone=0.2),
        row("mask", "dice", "tree", 0.4),
        row("mask", "miou", "road", 0.7, alone=0.9),
        row("price", "rmse", None, 2.0, "min"),
    ]
    (table,) = class_tables(rows)
    assert table.title == "mask is worst on tree (miou 0.300)"
    assert list(table.header) == ["part", "miou ↑", "dice ↑"]
    assert [[cell.text for cell in line] for line in table.rows] == [
        ["tree", "0.300", "0.400"],
        ["road", "0.700", "–"],
    ]
    assert table.rows[0][0].detail == ""
    assert table.note == "Each on all 1,200 labelled rows."
    # A constant's figure that is the same for all classes says nothing of any of them.
    assert table.rows[0][1].detail == "alone\N{NO-BREAK SPACE}0.200"
    assert table.rows[0][2].detail == "constant\N{NO-BREAK SPACE}0.250"
    assert table.rows[0][1].shade == 0.3


def test_the_worst_part_is_the_largest_error_and_errors_have_no_bar():
    (table,) = class_tables([row("y", "mae", "a", 5.0, "min"), row("y", "mae", "b", 0.5, "min")])
    assert "worst on a" in table.title
    assert all(cell.shade is None for line in table.rows for cell in line)


def test_parts_with_labels_on_rows_of_their_own_say_how_many():
    (table,) = class_tables([row("y", "auroc", "a", 0.5), row("y", "auroc", "b", 0.7) | {"n_labelled": 7}])
    assert [line[0].detail for line in table.rows] == ["1,200 rows", "7 rows"]
    assert table.note == ""


def test_parts_without_a_value_and_many_parts_and_tasks_are_no_trouble():
    assert class_tables([row("y", "f1", "a", None)])[0].rows[0][1].text == "–"
    many = [row(f"t{k}", "f1", f"c{i}", 0.5) for k in range(20) for i in range(60)]
    tables = class_tables(many)
    assert len(tables) == MOST_TASKS
    assert all(len(table.rows) == MOST_CLASSES for table in tables)
    assert tables[0].note == "Each on all 1,200 labelled rows. 20 more in metrics.json."
    assert class_tables([]) == []


def test_the_first_table_is_open_while_it_is_short():
    few = [row(f"t{k}", "f1", f"c{i}", 0.5) for k in range(2) for i in range(4)]
    assert [table.folded for table in class_tables(few)] == [False, True]
    many = [row("t", "f1", f"c{i}", 0.5) for i in range(20)]
    assert [table.folded for table in class_tables(many)] == [True]
