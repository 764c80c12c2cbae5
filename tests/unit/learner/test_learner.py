import json
import pickle
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
import torch

import cotrain as ct
from cotrain._base import ConfigError, DataError, InvalidArgumentError, RunError, numpy_generator
from cotrain.learner._run_folder import seal_run


def films(n_rows=120, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n_rows, 2))
    return pl.DataFrame(
        {
            "x": x[:, 0],
            "city": generator.choice(["Rome", "Oslo"], n_rows),
            "big": [None if i % 3 == 0 else ("yes" if v > 0 else "no") for i, v in enumerate(x[:, 0])],
            "price": [None if i % 2 == 0 else 10 + 3 * v for i, v in enumerate(x[:, 1])],
        }
    )


def learner(**options):
    settings = {"epochs": 2, "batch_size": 32} | options.pop("training", {})
    return ct.Learner(
        [ct.tasks.Binary("big"), ct.tasks.Regression("price")],
        encoder=ct.networks.TableEncoder(width=8, depth=1),
        training=ct.Training(**settings),
        **options,
    )


def weights_of(fitted):
    return fitted.fitted.networks.weights[0]


def test_predictions_come_in_the_callers_own_kind_of_frame():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    frame = films()
    fitted = learner().fit(frame, 0.2, progress=False)
    expected = fitted.predict(frame)
    assert isinstance(expected, pl.DataFrame)
    assert expected.columns == ["big", "big_probability", "price"]
    assert expected.height == frame.height
    columns = {name: frame[name].to_list() for name in frame.columns}
    other = fitted.predict(pandas.DataFrame(columns))
    assert isinstance(other, pandas.DataFrame)
    assert other["price"].tolist() == expected["price"].to_list()


def test_targets_are_not_needed_to_predict():
    frame = films()
    fitted = learner().fit(frame, 0.2, progress=False)
    assert fitted.predict(frame.drop("big", "price")).equals(fitted.predict(frame))


def test_a_row_without_any_label_changes_nothing():
    frame = films()
    empty = frame.with_columns(pl.lit(None, pl.String).alias("big"), pl.lit(None, pl.Float64).alias("price"))
    empty = empty.with_columns(pl.col("x") * 1000, pl.lit("Lima").alias("city"))
    mixed = pl.concat([empty[:7], frame[:50], empty[7:20], frame[50:]])
    one = learner(training={"select": "last"}).fit(frame, 0.2, progress=False)
    other = learner(training={"select": "last"}).fit(mixed, 0.2, progress=False)
    assert all(torch.equal(weights_of(one)[name], tensor) for name, tensor in weights_of(other).items())
    assert one.fitted_result.history == other.fitted_result.history


def test_equal_seeds_give_equal_networks_and_others_do_not():
    frame = films()
    one, same = (weights_of(learner(seed=1).fit(frame, 0.2, progress=False)) for _ in range(2))
    other = weights_of(learner(seed=2).fit(frame, 0.2, progress=False))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_the_global_random_state_is_left_alone():
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002 - the legacy state is what is looked at
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    learner().fit(films(), 0.2, progress=False)
    assert torch.equal(torch.random.get_rng_state(), before[0])
    assert (np.random.get_state()[1] == before[1]).all()  # noqa: NPY002


def test_saved_and_loaded_in_another_process_it_predicts_the_same(tmp_path):
    frame = films()
    frame.write_parquet(tmp_path / "table.parquet")
    fitted = learner(training={"select": "per_task", "epochs": 6}).fit(frame, 0.3, progress=False)
    fitted.save(tmp_path / "run")
    script = (
        "import sys, cotrain as ct\n"
        f"frame = ct.Learner.load({str(tmp_path / 'run')!r}).predict({str(tmp_path / 'table.parquet')!r})\n"
        "sys.stdout.write(frame.write_json())\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == json.loads(fitted.predict(frame).write_json())


class Rows(torch.utils.data.Dataset):
    def __len__(self):
        return 40

    def __getitem__(self, row):
        return {"x": torch.full((4,), row / 40), "big": float(row > 20)}


def test_a_network_given_in_python_is_saved_and_given_again_to_load(tmp_path):
    encoder = ct.networks.Wrap(torch.nn.Linear(4, 3), key="x")
    fitted = ct.Learner([ct.tasks.Binary("big")], encoder=encoder, training=ct.Training(epochs=1))
    fitted.fit(Rows(), None, run=tmp_path / "run", progress=False)
    again = ct.Learner.load(tmp_path / "run", encoder=encoder)
    assert again.predict(Rows()).equals(fitted.predict(Rows()))
    with pytest.raises(ConfigError, match=r"a Linear given in Python.*Learner.load\(folder, encoder="):
        ct.Learner.load(tmp_path / "run")


def test_a_run_folder_holds_its_files_and_no_pickle_that_executes(tmp_path):
    learner().fit(films(), 0.2, run=tmp_path / "run", progress=False)
    names = {path.name for path in (tmp_path / "run").iterdir()}
    written = {"config.yaml", "schema.json", "history.jsonl", "model.safetensors", "state.pt"}
    more = {"confidence.json", "run.json", "rows.parquet", "manifest.json", ".lock"}
    assert names == written | more
    torch.load(tmp_path / "run" / "state.pt", weights_only=True)
    for name in names - {"state.pt", ".lock"}:
        with pytest.raises(pickle.UnpicklingError):
            pickle.loads((tmp_path / "run" / name).read_bytes())


class Malicious:
    def __reduce__(self):
        return eval, ("open('executed', 'w').close()",)


def test_a_malicious_pickle_in_place_of_any_file_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    frame = films()
    learner().fit(frame, 0.2, run="run", progress=False)
    for name in ("config.yaml", "schema.json", "model.safetensors"):
        path = tmp_path / "run" / name
        good = path.read_bytes()
        path.write_bytes(pickle.dumps(Malicious()))
        seal_run(tmp_path / "run")
        with pytest.raises(RunError, match="damaged"):
            ct.Learner.load("run")
        path.write_bytes(good)
    (tmp_path / "run" / "state.pt").write_bytes(pickle.dumps(Malicious()))
    with pytest.raises(RunError, match="damaged"):
        learner().fit(frame, 0.2, run="run", resume=True, progress=False)
    assert not (tmp_path / "executed").exists()


def test_a_yaml_tag_that_would_execute_is_refused(tmp_path):
    learner().fit(films(), 0.2, run=tmp_path, progress=False)
    (tmp_path / "config.yaml").write_text("tasks: !!python/object/apply:os.getcwd []\n")
    seal_run(tmp_path)
    with pytest.raises(RunError, match="damaged"):
        ct.Learner.load(tmp_path)


def test_a_damaged_or_newer_or_unfinished_run_gets_a_sentence(tmp_path):
    with pytest.raises(RunError, match="There is no run folder"):
        ct.Learner.load(tmp_path / "nowhere")
    with pytest.raises(RunError, match="is not a run folder"):
        ct.Learner.load(tmp_path)
    run = tmp_path / "run"
    learner().fit(films(), 0.2, run=run, progress=False)
    schema = json.loads((run / "schema.json").read_text())
    (run / "schema.json").write_text(json.dumps(schema | {"version": 99}))
    with pytest.raises(RunError, match=r"schema\.json is damaged or of another run"):
        ct.Learner.load(run)
    seal_run(run)
    with pytest.raises(RunError, match=r"newer cotrain \(run version 99"):
        ct.Learner.load(run)
    (run / "schema.json").write_text(json.dumps(schema | {"tasks": {}}))
    seal_run(run)
    with pytest.raises(RunError, match="lacks 'big'"):
        ct.Learner.load(run)
    (run / "schema.json").write_text(json.dumps(schema))
    weights = (run / "model.safetensors").read_bytes()
    (run / "model.safetensors").write_bytes(weights[: len(weights) // 2])
    seal_run(run)
    with pytest.raises(RunError, match=r"model\.safetensors is damaged"):
        ct.Learner.load(run)
    (run / "model.safetensors").unlink()
    with pytest.raises(RunError, match="--resume"):
        ct.Learner.load(run)


def test_nothing_is_overwritten_unless_asked(tmp_path):
    frame = films()
    learner().fit(frame, 0.2, run=tmp_path / "run", progress=False)
    with pytest.raises(RunError, match="already holds a run"):
        learner().fit(frame, 0.2, run=tmp_path / "run", progress=False)
    learner().fit(frame, 0.2, run=tmp_path / "run", overwrite=True, progress=False)
    (tmp_path / "run" / "model.safetensors").unlink()
    with pytest.raises(RunError, match="interrupted: go on with --resume"):
        learner().fit(frame, 0.2, run=tmp_path / "run", progress=False)


def test_a_finished_run_is_resumed_without_training_again(tmp_path):
    frame = films()
    first = learner().fit(frame, 0.2, run=tmp_path, progress=False)
    again = learner().fit(frame, 0.2, run=tmp_path, resume=True, progress=False)
    assert again.predict(frame).equals(first.predict(frame))


def test_a_run_is_not_resumed_with_other_data_or_another_configuration(tmp_path):
    frame = films()
    learner().fit(frame, 0.2, run=tmp_path, progress=False)
    with pytest.raises(RunError, match=r"another configuration \(seed\)"):
        learner(seed=4).fit(frame, 0.2, run=tmp_path, resume=True, progress=False)
    with pytest.raises(RunError, match="other training and validation rows"):
        learner().fit(frame[:100], 0.2, run=tmp_path, resume=True, progress=False)


def test_evaluation_shows_the_constant_of_the_training_rows():
    frame = films()
    fitted = learner().fit(frame, 0.2, progress=False)
    table = fitted.evaluate(frame[:30])
    assert table.row("price", "r2").references["constant"] <= 0
    assert table.row("big").references["constant"] == 0.5
    assert table.row("big").n_labelled == frame[:30]["big"].drop_nulls().len()


class Pictures(torch.utils.data.Dataset):
    def __init__(self, n_rows):
        generator = torch.Generator().manual_seed(0)
        self.images = torch.rand(n_rows, 6, generator=generator)

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        image = self.images[index]
        return {
            "inputs": image,
            "big": None if index % 3 == 0 else int(image[0] > 0.5),
            "price": float(image[1]) if index % 2 else None,
        }


def test_a_dataset_of_dicts_is_learned_and_survives_saving(tmp_path):
    tasks = [ct.tasks.Binary("big"), ct.tasks.Regression("price")]
    made = ct.Learner(tasks, encoder=ct.networks.MLP(), training=ct.Training(epochs=2, batch_size=16))
    made.fit(Pictures(60), Pictures(20), progress=False).save(tmp_path / "run")
    expected = made.predict(Pictures(10))
    assert expected.height == 10
    assert ct.Learner.load(tmp_path / "run").predict(Pictures(10)).equals(expected)
    with pytest.raises(DataError, match="give a torch Dataset"):
        made.predict(films())
    with pytest.raises(InvalidArgumentError, match="cannot split a Dataset"):
        made.fit(Pictures(60), 0.2, progress=False)


def test_wrong_use_gets_a_sentence():
    with pytest.raises(InvalidArgumentError, match="at least one task"):
        ct.Learner([])
    with pytest.raises(InvalidArgumentError, match="same name 'a'"):
        ct.Learner([ct.tasks.Binary("a"), ct.tasks.Regression("a")])
    with pytest.raises(RunError, match="not fitted"):
        learner().predict(films())
    with pytest.raises(InvalidArgumentError, match=r"needs run="):
        learner().fit(films(), resume=True, progress=False)
    with pytest.raises(DataError, match="did you mean 'big'"):
        ct.Learner([ct.tasks.Binary("bigg")]).fit(films(), progress=False)


@pytest.mark.parametrize("n_rows", [9, 33])
def test_tiny_tables_and_a_last_batch_of_one_row(n_rows):
    frame = films(n_rows).with_columns(big=pl.Series(["yes" if i % 2 else "no" for i in range(n_rows)]))
    fitted = learner(training={"batch_size": 8, "epochs": 1}).fit(frame, None, progress=False)
    assert fitted.predict(frame).height == n_rows


def test_equal_networks_are_equal_files(tmp_path):
    # Several entries of metadata would be written in an order that changes from process to process.
    from safetensors import safe_open

    learner().fit(films(), 0.2, run=tmp_path, progress=False)
    with safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        assert list(file.metadata()) == ["cotrain"]


@pytest.mark.parametrize("method", [ct.balancing.MoDo, ct.balancing.SDMGrad])
def test_a_method_that_takes_several_batches_is_refused_before_anything_is_read(method):
    with pytest.raises(InvalidArgumentError, match=f"^{method.__name__} takes the losses of 3 independent"):
        learner(balancer=method())


def test_a_row_number_of_a_sorted_file_tells_no_label() -> None:
    # Half of the rows said nothing of the others' numbers, and of sorted rows the numbers said everything.
    rng = numpy_generator("sorted file")
    n = 300
    frame = pl.DataFrame({"": range(n), "x": rng.normal(size=n), "late": [i >= n // 2 for i in range(n)]})
    learner = ct.Learner(
        [ct.tasks.Binary("late")], encoder=ct.networks.TableEncoder(4, 0), training=ct.Training(1, 32)
    )
    learner.fit(frame, validation=0.2, progress=False)
    kinds = {note.column: note.kind for note in learner.preprocessor.schema.notes}
    assert kinds == {"column_0": "drop", "x": "number"}
