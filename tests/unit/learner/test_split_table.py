import numpy as np
import polars as pl
import pytest

from cotrain._base import ConfigError, DataError
from cotrain.learner import Configuration, SplitTable


def split_of(tmp_path, **options):
    frame = pl.DataFrame(
        {
            "x": range(40),
            "where": [f"group {i // 2}" for i in range(40)],
            "y": [None if i % 4 == 3 else i % 2 for i in range(40)],
            "price": [None if i % 4 in (1, 3) else i / 4 for i in range(40)],
        }
    )
    frame.write_parquet(tmp_path / "table.parquet")
    config = {
        "data": str(tmp_path / "table.parquet"),
        "tasks": [{"kind": "Binary", "name": "y"}, {"kind": "Regression", "name": "price"}],
        "split": options,
    }
    return SplitTable.of(Configuration.from_config(config))


def test_every_row_stands_in_one_part_and_the_parts_keep_their_order(tmp_path):
    split = split_of(tmp_path)
    together = np.concatenate(list(split.rows.values()))
    assert sorted(together) == list(range(40))
    for part, rows in split.rows.items():
        assert list(rows) == sorted(rows)
        assert split[part]["x"].to_list() == list(rows)
        assert split.n_rows[part] == len(rows)
    assert split.n_rows["unlabelled"] == 10


@pytest.mark.parametrize(
    "options",
    [{"test": 0}, {"validation": 0}, {"test": 0, "validation": 0}, {"test": 0.3}, {"group": "where"}],
)
def test_labels_are_counted_in_every_part_also_in_those_without_rows(tmp_path, options):
    split = split_of(tmp_path, **options)
    for task, counts in split.coverage.items():
        for part, n in counts.items():
            assert n == split[part][task].is_not_null().sum(), (task, part)
        assert sum(counts.values()) == split.frame[task].is_not_null().sum()


def test_the_split_and_group_columns_are_no_inputs(tmp_path):
    assert split_of(tmp_path, group="where").left_out == ["where"]


def test_a_part_that_is_needed_and_has_no_rows_is_named(tmp_path):
    split = split_of(tmp_path, test=0)
    split.require_rows("A search", "train", "validation")
    with pytest.raises(DataError, match="A comparison needs test rows, and the split leaves none"):
        split.require_rows("A comparison", "validation", "test")


def test_a_task_without_a_training_label_is_named():
    rows = {"train": np.array([0]), "validation": np.array([1]), "test": np.array([], dtype=int)}
    split = SplitTable(pl.DataFrame({"y": [None, 1]}), {"y": np.array([-1, 0])}, rows, [])
    with pytest.raises(DataError, match="Task 'y' has no label among the training rows"):
        split.require_labels()


def sources_of(tmp_path, **more):
    """Two sources with tasks of their own, and perhaps tables for validation and test."""
    x = [i % 7 for i in range(60)]
    pl.DataFrame({"x": x, "a": [i % 2 for i in range(60)]}).write_csv(tmp_path / "a.csv")
    labels = [float(i) if i % 3 else None for i in range(60)]
    pl.DataFrame({"x": x, "z": x, "b": labels}).write_ndjson(tmp_path / "b.jsonl")
    tasks = [{"kind": "Binary", "name": "a"}, {"kind": "Regression", "name": "b"}]
    data = {"first": str(tmp_path / "a.csv"), "second": str(tmp_path / "b.jsonl")}
    return SplitTable.of(Configuration.from_config({"data": data, "tasks": tasks, **more}))


def test_every_source_gives_its_share_to_every_part(tmp_path):
    split = sources_of(tmp_path)
    assert split.by_source == {
        "first": {"a": {"train": 42, "validation": 6, "test": 12}},
        "second": {"b": {"train": 28, "validation": 4, "test": 8}},
    }
    assert split.left_out == ["source"]
    assert split["test"]["source"].to_list() == ["first"] * 12 + ["second"] * 8


def test_a_further_source_moves_no_row(tmp_path):
    both = sources_of(tmp_path)
    alone = SplitTable.of(
        Configuration.from_config(
            {"data": str(tmp_path / "a.csv"), "tasks": [{"kind": "Binary", "name": "a"}]}
        )
    )
    for part in ("train", "validation", "test"):
        assert both.rows[part][both.rows[part] < 60].tolist() == alone.rows[part].tolist()


def test_validation_and_test_may_have_tables_of_their_own(tmp_path):
    held = pl.DataFrame({"x": [1, 2, 3], "a": [0, 1, None]})
    held.write_csv(tmp_path / "held.csv")
    split = sources_of(tmp_path, test={"first": str(tmp_path / "held.csv")})
    assert split.rows["test"].tolist() == [120, 121]
    assert 122 in split.rows["unused"]
    assert split.by_source["first"]["a"] == {"train": 54, "validation": 6, "test": 2}
    given = {"first": str(tmp_path / "held.csv")}
    split = sources_of(tmp_path, validation=given, test=given)
    assert split.n_rows["train"] == 100
    assert (split.rows["validation"].tolist(), split.rows["test"].tolist()) == ([120, 121], [123, 124])


def test_one_table_may_have_a_table_for_the_test(tmp_path):
    pl.DataFrame({"x": [1, 2], "a": [0, 1]}).write_csv(tmp_path / "test.csv")
    sources_of(tmp_path)
    task = [{"kind": "Binary", "name": "a"}]
    values = {"data": str(tmp_path / "a.csv"), "test": str(tmp_path / "test.csv"), "tasks": task}
    split = SplitTable.of(Configuration.from_config(values))
    assert (split.n_rows["test"], split.by_source, split.left_out) == (2, {}, [])


def test_a_test_table_without_an_input_is_refused(tmp_path):
    pl.DataFrame({"x": [1], "b": [1.0]}).write_csv(tmp_path / "held.csv")
    with pytest.raises(DataError, match="Source 'second' lacks the input column 'z'"):
        sources_of(tmp_path, test={"second": str(tmp_path / "held.csv")})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"data": {}}, "mapping of a name to a path"),
        ({"data": {"a": "a.csv"}, "query": "films"}, "query goes with one database"),
        ({"data": {"a": "a.csv"}, "test": "t.csv"}, "test: must name its sources"),
        ({"data": "a.csv", "test": {"a": "t.csv"}}, "data: does not"),
        ({"data": {"tags": "a.csv"}, "test": {"tag": "t.csv"}}, "did you mean 'tags'"),
        ({"data": "a.csv", "test": "t.csv", "split": {"column": "part"}}, "both say which rows"),
        ({"data": {"a": 5}}, "data"),
    ],
)
def test_keys_that_do_not_go_together_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        Configuration.from_config({"tasks": [{"kind": "Binary", "name": "y"}], **values})


def test_paths_of_sources_start_at_the_configuration_file(tmp_path):
    text = "data: {a: x/a.csv, b: /b.csv}\ntest: {a: t.csv}\ntasks: [{kind: Binary, name: y}]\n"
    (tmp_path / "c.yaml").write_text(text + "mixing: {kind: Temperature, T: 3}\n")
    configuration = Configuration.read(tmp_path / "c.yaml")
    assert configuration.data == {"a": str(tmp_path / "x/a.csv"), "b": "/b.csv"}
    assert configuration.test == {"a": str(tmp_path / "t.csv")}
    again = Configuration.from_config(configuration.config())
    assert again.config() == configuration.config()
    assert again.learner.mixing.T == 3


def test_the_fingerprint_is_of_what_lies_behind_the_paths_in_cells(tmp_path):
    (tmp_path / "p.png").write_bytes(b"one")
    pl.DataFrame({"file": ["p.png"] * 8, "y": [0, 1] * 4}).write_csv(tmp_path / "t.csv")
    config = {"data": str(tmp_path / "t.csv"), "tasks": [{"kind": "Binary", "name": "y"}]}
    split = SplitTable.of(Configuration.from_config(config))
    first = split.fingerprint("train")
    assert split.fingerprint("train") == first
    (tmp_path / "p.png").write_bytes(b"two")
    assert split.fingerprint("train") != first


def test_the_fingerprint_is_of_all_cells_those_of_bytes_too(tmp_path):
    bare = pl.DataFrame({"x": range(8), "y": [0, 1] * 4})
    pictures = [None if i == 2 else bytes([i]) for i in range(8)]
    config = {
        "data": str(tmp_path / "table.parquet"),
        "tasks": [{"kind": "Binary", "name": "y"}],
        "split": {"validation": 0, "test": 0},
    }

    def of(frame):
        frame.write_parquet(tmp_path / "table.parquet")
        return SplitTable.of(Configuration.from_config(config)).fingerprint("train")

    found = [of(bare)]
    for cells in (pictures, [*pictures[:-1], b"other"], [{"bytes": one, "path": "p"} for one in pictures]):
        frame = bare.with_columns(file=pl.Series(cells))
        found.append(of(frame))
        assert of(frame) == found[-1]
    assert len(set(found)) == len(found)
