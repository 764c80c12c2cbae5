import csv
import io

from hypothesis import given, settings
from hypothesis import strategies as st

from cotrain.data.readers._lines import Lines


@settings(max_examples=200, deadline=None)
@given(
    rows=st.lists(st.lists(st.text(alphabet='ab",;\n ', max_size=4), min_size=2, max_size=3), min_size=1),
    style=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_counts_what_a_reader_reads(rows: list[list[str]], style: int) -> None:
    file = io.StringIO()
    csv.writer(file, quoting=style, lineterminator="\n").writerows(rows)
    lines = Lines(file.getvalue().encode())
    assert lines.regular(",")
    assert lines.n_rows(",") == len(rows) - 1
    assert next(csv.reader(io.StringIO(lines.header(","), newline=""))) == rows[0]
    assert [int(count) + 1 for count in lines._counts(",")] == [len(row) for row in rows]
    assert lines.without_blanks(",").decode() == file.getvalue()


def test_a_quote_in_the_middle_of_a_cell_is_irregular() -> None:
    assert not Lines(b'a,b\n5" disk,x 6"\n').regular(",")
    assert Lines(b'a,b\n"5"" disk",x\n').regular(",")


def test_takes_the_separator_that_divides_all_rows_alike() -> None:
    assert Lines(b"a;b,c\n1;2,3\n4;5,6\n").separator(";,") == ";"
    assert Lines(b"a;b,c\n1;2,3\n4;5;5,6\n").separator(";,") == ","
    assert Lines(b"a\n1\n").separator(";,") == ","
