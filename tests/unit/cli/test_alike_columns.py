from __future__ import annotations

from cotrain.cli._alike_columns import lines_of_columns


def record(name: object, kind: str, distinct: int, missing: float, why: str) -> dict[str, object]:
    return {"column": name, "kind": kind, "distinct": distinct, "missing": missing, "why": why}


def test_columns_that_differ_in_a_number_share_a_line_where_they_are_many():
    columns = [record("age", "number", 70, 0.0, "numbers, 70 different")]
    columns += [record(f"p{i}", "number", 10 + i, i / 100, f"numbers, {10 + i} different") for i in range(8)]
    columns += [record(f"p{i}", "drop", 1, 0.0, "constant: every value is 0") for i in range(8, 12)]
    columns += [record(i, "boolean", 2, 0.0, "0 or 1") for i in range(5)]
    assert lines_of_columns(columns) == [
        ["age", "number", "70", "0%", "numbers, 70 different"],
        ["p0 ... p7 (8)", "number", "10 to 17", "0 to 7%", "numbers, 10 to 17 different"],
        *([f"p{i}", "drop", "1", "0%", "constant: every value is 0"] for i in range(8, 12)),
        ["0 ... 4 (5)", "boolean", "2", "0%", "0 or 1"],
    ]


def test_every_column_is_in_one_line_and_in_order():
    columns = [record(f"c{i}", "number", 3, 0.0, "numbers") for i in range(4)]
    assert [line[0] for line in lines_of_columns(columns)] == ["c0", "c1", "c2", "c3"]
    assert lines_of_columns([]) == []
