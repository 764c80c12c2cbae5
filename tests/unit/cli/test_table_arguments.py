import pytest

from cotrain._base import ConfigError
from cotrain.cli._table_arguments import table_paths


def test_one_table_needs_no_name() -> None:
    assert table_paths(["films.csv"]) == "films.csv"
    assert table_paths(["sqlite:///films.db"]) == "sqlite:///films.db"
    assert table_paths(["data/a=b.csv"]) == "data/a=b.csv"


def test_several_without_names_are_the_files_of_one() -> None:
    assert table_paths(["a.csv", "b.json"]) == ["a.csv", "b.json"]


def test_one_table_may_have_a_name() -> None:
    assert table_paths(["tags=a=b.csv"]) == {"tags": "a=b.csv"}


def test_a_file_with_an_equals_sign_is_that_file(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "k=5.csv").write_text("x\n1\n")
    assert table_paths(["k=5.csv"]) == "k=5.csv"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.csv", "b=b.csv"], "write NAME=a.csv"),
        (["a=a.csv", "b.csv"], "write NAME=b.csv"),
        (["a=a.csv", "a=b.csv"], "Two tables are named 'a'"),
    ],
)
def test_says_what_is_wrong(arguments: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        table_paths(arguments)
