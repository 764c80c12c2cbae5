import json

from cotrain.cli._output import print_json, print_table, status


def test_json_is_strict_whatever_is_in_it(capsys):
    print_json({"a": float("nan"), 1: [float("inf"), 0.5], "b": (1, "ü")})
    text = capsys.readouterr().out
    assert json.loads(text) == {"a": None, "1": [None, 0.5], "b": [1, "ü"]}
    assert "ü" in text


def test_bytes_come_back_from_json(capsys):
    mask = b"\x89PNG\x00"
    print_json([{"mask": mask, "masks": [mask, None]}])
    (row,) = json.loads(capsys.readouterr().out)
    assert bytes.fromhex(row["mask"]) == bytes.fromhex(row["masks"][0]) == mask


def test_names_are_never_read_as_markup(capsys):
    print_table("[b]t", ["[red]name"], [["[/]x"], [None], [float("nan")], [0.25], [12.5]])
    out = capsys.readouterr().out
    for text in ("[b]t", "[red]name", "[/]x", "–", "0.250", "12.5"):
        assert text in out


def test_status_goes_to_standard_error(capsys):
    status("reading [a]")
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "reading [a]\n")


def test_small_numbers_of_a_table_keep_their_digits(capsys):
    print_table("t", ["a", "b", "c", "d"], [[0.0123, -3.25e-13, 0.0, 4.0]])
    out = capsys.readouterr().out
    for text in ("0.0123", "-3.25e-13", "4.000"):
        assert text in out


def test_numbers_stand_at_the_right_however_they_are_written(capsys):
    print_table("t", ["a", "b"], [[3.25e-13, "x"], [12345.0, "longer"], [None, "y"]])
    rows = [line.split("│") for line in capsys.readouterr().out.splitlines() if "│" in line]
    assert all(row[1].endswith(f"{row[1].strip()} ") for row in rows)
    assert rows[0][2].startswith(" x ")
