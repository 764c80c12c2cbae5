import json
import shutil
import sqlite3
from pathlib import Path

import pytest
import yaml

from cotrain._base import ConfigError
from cotrain.learner import Configuration


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "job.yaml"
    path.write_text(
        "data: table.csv\n"
        "split: {validation: 0.2, test: 0.1}\n"
        "tasks:\n"
        "  - {kind: Binary, name: big}\n"
        "  - {kind: Regression, name: price, weight: 2}\n"
        "sharing: HardSharing\n"
        "training: {epochs: 3}\n"
    )
    return path


def test_reads_a_file_and_finds_the_data_beside_it(config):
    configuration = Configuration.read(config)
    assert configuration.data == str(config.parent / "table.csv")
    assert [task.name for task in configuration.learner.tasks] == ["big", "price"]
    assert configuration.learner.training.epochs == 3
    assert configuration.split.test == 0.1


def test_the_resolved_configuration_makes_an_equal_job(config):
    resolved = Configuration.read(config).config()
    again = Configuration.from_config(yaml.safe_load(yaml.safe_dump(resolved)))
    assert again.config() == resolved


def test_paths_start_at_the_file_and_those_of_settings_at_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    (tmp_path / "files").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    task = {"kind": "Binary", "name": "y"}
    content = {"tasks": [task], "data": {"a": "a.csv", "b": ["b.csv", "c.csv"]}, "test": {"a": "t.csv"}}
    (tmp_path / "files" / "c.yaml").write_text(json.dumps(content))
    settings = ["data.a=given/a.csv", "validation={a: ../v.csv}", f"test.b={tmp_path}/t.csv"]
    found = Configuration.read(Path("../files/c.yaml"), settings).config()
    assert found["data"] == {
        "a": str(tmp_path / "work" / "given" / "a.csv"),
        "b": [str(tmp_path / "files" / "b.csv"), str(tmp_path / "files" / "c.csv")],
    }
    assert found["validation"] == {"a": str(tmp_path / "v.csv")}
    assert found["test"] == {"a": str(tmp_path / "files" / "t.csv"), "b": str(tmp_path / "t.csv")}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("training.epochs=7", lambda configuration: configuration.learner.training.epochs == 7),
        ("training.clip=null", lambda configuration: configuration.learner.training.clip is None),
        ("balancer=Equal", lambda configuration: type(configuration.learner.balancer).__name__ == "Equal"),
        ("encoder.width=32", lambda configuration: False),
        ("tasks.price.weight=5", lambda configuration: configuration.learner.tasks[1].weight == 5),
        ("tasks.0.preference=3", lambda configuration: configuration.learner.tasks[0].preference == 3),
        ("seed=9", lambda configuration: configuration.learner.seed == 9),
        ("head=[8, 4]", lambda configuration: configuration.learner.head == [8, 4]),
    ],
)
def test_set_overrides_one_value(config, setting, value):
    if setting.startswith("encoder"):
        with pytest.raises(ConfigError, match="encoder: expected a name or a mapping with a kind"):
            Configuration.read(config, [setting])
        configuration = Configuration.read(config, ["encoder=TableEncoder", setting])
        assert configuration.learner.encoder.width == 32
        return
    assert value(Configuration.read(config, [setting]))


@pytest.mark.parametrize(
    ("setting", "sentence"),
    [
        ("epochs", "expected key=value"),
        ("training.epochs=[", "not valid YAML"),
        ("training.epoch=3", "did you mean 'epochs'?"),
        ("trainin.epochs=3", "did you mean 'training'?"),
        ("tasks.prise.weight=3", "did you mean 'price'?"),
        ("seed.x=3", None),
        ("training.epochs.x=3", "is 3 and has no parts"),
        ("training.epochs=many", "integer"),
        ("training.epochs=0", "training.epochs is 0: expected at least 1"),
    ],
)
def test_a_wrong_setting_gets_one_sentence(config, setting, sentence):
    with pytest.raises(ConfigError) as error:
        Configuration.read(config, [setting])
    if sentence is not None:
        assert sentence in str(error.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("- a\n- b\n", "must hold keys and values"),
        ("", "must hold keys and values"),
        ("a: [", "not valid YAML"),
        ("data: x.csv\n", "The key 'tasks' is missing"),
        ("tasks: []\ndata: x.csv\n", "at least one task"),
        ("data: x.csv\ntasks: Binary\n", "expected a list"),
        ("data: x.csv\ntasks: [{kind: Binary, name: a}, {kind: Binary, name: a}]\n", "same name 'a'"),
        ("data: x.csv\ntasks: [{kind: Binery, name: a}]\n", "did you mean 'Binary'?"),
        ("data: x.csv\ntasks: [{kind: Binary, name: a}]\nreferences: all\n", "references"),
        ("data: x.csv\ntasks: [{kind: Binary, name: a}]\nsplit: {tset: 0.1}\n", "did you mean 'test'?"),
        ("data: x.csv\ntasks: [{kind: Binary, name: a}]\nsplit: {test: 1.5}\n", "1.5"),
    ],
)
def test_a_wrong_file_gets_one_sentence_with_its_name(tmp_path, text, sentence):
    path = tmp_path / "job.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as error:
        Configuration.read(path)
    assert sentence in str(error.value)
    assert "job.yaml" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_points_to_its_neighbours(config):
    with pytest.raises(ConfigError, match=r"did you mean 'job.yaml'\?"):
        Configuration.read(config.parent / "jop.yaml")


def test_values_are_changed_by_keys_with_dots():
    config = {"data": "t.csv", "tasks": [{"kind": "Binary", "name": "a"}], "tune": {"trials": 3}}
    configuration = Configuration.from_config(config)
    changed = configuration.changed(
        {"training.epochs": 7, "tasks.a.weight": 2.0, "sharing": {"kind": "MMoE"}}
    )
    assert (changed.learner.training.epochs, changed.learner.tasks[0].weight) == (7, 2.0)
    assert (type(changed.learner.sharing).__name__, changed.tune) == ("MMoE", {"trials": 3})
    assert configuration.learner.training.epochs == "auto"
    with pytest.raises(ConfigError, match="did you mean 'epochs'"):
        configuration.changed({"training.epoch": 7})
    with pytest.raises(ConfigError, match=r"tasks\.b\.weight: 'b' is not in the list"):
        configuration.changed({"tasks.b.weight": 7})


def test_paths_of_one_table_in_several_files_start_at_the_configuration_and_are_read_as_one(tmp_path):
    (tmp_path / "a.csv").write_text("id,x,y\n" + "".join(f"{i},{i % 3},{i % 2}\n" for i in range(40)))
    (tmp_path / "b.csv").write_text("id,z\n" + "".join(f"{i},{i}.5\n" for i in range(0, 40, 2)))
    tasks = [{"kind": "Binary", "name": "y"}, {"kind": "Regression", "name": "z"}]
    (tmp_path / "c.yaml").write_text(yaml.safe_dump({"data": ["a.csv", "b.csv"], "tasks": tasks}))
    configuration = Configuration.read(tmp_path / "c.yaml")
    assert configuration.data == [str(tmp_path / "a.csv"), str(tmp_path / "b.csv")]
    table, _ = configuration.tables()
    assert table.frame["z"].null_count() == 20
    again = Configuration.from_config(configuration.config())
    assert again.data == configuration.data


def test_the_path_of_a_database_stays_one(tmp_path):
    """It lost a slash in the configuration of a run, which then found no table."""
    with sqlite3.connect(tmp_path / "t.db") as connection:
        connection.execute("create table t (x, y)")
        connection.executemany("insert into t values (?, ?)", [(i, i % 2) for i in range(20)])
    connection.close()
    config = {"data": "sqlite:///t.db", "query": "t", "tasks": [{"kind": "Binary", "name": "y"}]}
    (tmp_path / "c.yaml").write_text(yaml.safe_dump(config))
    configuration = Configuration.read(tmp_path / "c.yaml")
    assert Configuration.from_config(configuration.config()).tables()[0].height == 20


def test_the_folder_of_a_pretrained_model_lies_beside_the_file(
    config, make_pretrained, monkeypatch, tmp_path
):
    shutil.copytree(make_pretrained(), config.parent / "models" / "tiny")
    values = yaml.safe_load(config.read_text()) | {
        "encoder": {"kind": "PretrainedTransformer", "folder": "models/tiny", "trainable": "last_1"}
    }
    config.write_text(yaml.safe_dump(values))
    monkeypatch.chdir(tmp_path.parent)
    encoder = Configuration.read(config).learner.encoder
    assert encoder.folder == str(config.parent / "models" / "tiny")
    values["encoder"]["folder"] = "models/none"
    config.write_text(yaml.safe_dump(values))
    with pytest.raises(ConfigError, match="there is no such folder"):
        Configuration.read(config)
