import itertools
from pathlib import Path

import pytest

from cotrain._base import ConfigError
from cotrain.configuration import read_yaml
from cotrain.learner import Configuration

HEAD = "data: t.csv\ntasks: [{kind: Binary, name: y}]\n"


def test_reads_what_yaml_is() -> None:
    text = "a: &x {b: 1}\nc: {<<: *x, d: [1, two]}\n"
    assert read_yaml(text) == {"a": {"b": 1}, "c": {"b": 1, "d": [1, "two"]}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("seed: 1\nhead: []\nseed: 2", "the key 'seed' is in line 1 and in line 3"),
        ("training: {epochs: 1, epochs: 2}", "the key 'epochs' is in line 1 and in line 1"),
        ("a: [", "is not valid YAML"),
        ("a: !!python/object:os.system 1", "is not valid YAML"),
        ("? [1]\n: 2", "is not valid YAML"),
        ("[" * 5000, "is not valid YAML"),
    ],
    ids=lambda text: text[:20],
)
def test_refuses_the_rest_in_a_sentence(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        read_yaml(text)
    assert "\n" not in str(caught.value)


def test_a_file_with_a_key_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(HEAD + "columns:\n  x: number\n  x: text\n")
    with pytest.raises(ConfigError, match=r"c\.yaml: the key 'x' is in line 4 and in line 5"):
        Configuration.read(path)


@pytest.mark.parametrize(
    "line",
    [
        "training: {learning_rate: true}",
        "training: {epochs: yes}",
        "seed: false",
        "head: [true]",
        "missing: [no]",
        "missing: {country: [NA, no]}",
        "split: {validation: true}",
        "query: on",
    ],
)
def test_true_is_no_number_and_no_text(tmp_path: Path, line: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(HEAD + line + "\n")
    with pytest.raises(ConfigError, match="expected no (true|false)"):
        Configuration.read(path)


def test_true_stays_true_where_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(HEAD + "split: {stratify: false}\nmissing: {'*': [NA, -999], x: []}\n")
    configuration = Configuration.read(path)
    assert configuration.split.stratify is False
    assert configuration.learner.missing == {"*": ["NA", -999], "x": []}
    assert Configuration.from_config(configuration.config()).learner.missing == configuration.learner.missing


def test_kinds_of_columns_take_options(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(HEAD + "columns: {genres: {kind: tags, separator: '|', max_tokens: 100}, x: number}\n")
    learner = Configuration.read(path).learner
    assert learner.columns == {"genres": {"kind": "tags", "separator": "|", "max_tokens": 100}, "x": "number"}
    assert Configuration.from_config(Configuration.read(path).config()).learner.columns == learner.columns


def test_a_short_document_that_grows_without_end_is_refused():
    bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n" for old, new in itertools.pairwise("abcdefg")
    )
    with pytest.raises(ConfigError, match="more than 100,000 values"):
        read_yaml(bomb)


@pytest.mark.parametrize("text", ["a: 2020-99-99", "? [1, 2]\n: 3", "a\x00b", "a: *nobody", "[" * 5000])
def test_whatever_the_reader_chokes_on_is_one_sentence(text):
    with pytest.raises(ConfigError) as error:
        read_yaml(text)
    assert "\n" not in str(error.value)
