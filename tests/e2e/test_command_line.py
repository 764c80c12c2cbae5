"""The command line as a person meets it: from a table to predictions, and every way to get it wrong."""

import json
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from cotrain.cli import main


def table(n_rows=200, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(n_rows, 2))
    return pl.DataFrame(
        {
            "x": x[:, 0],
            "y": x[:, 1],
            "city": generator.choice(["Rome", "Oslo", "Lima"], n_rows),
            "big": [None if i % 3 == 0 else ("yes" if v > 0 else "no") for i, v in enumerate(x[:, 0])],
            "price": [None if i % 2 == 0 else 10 + 3 * v for i, v in enumerate(x[:, 1])],
            "kind": [
                None if i % 4 == 0 else "ABC"[int(v > -0.4) + int(v > 0.4)] for i, v in enumerate(x[:, 1])
            ],
        }
    )


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """Run a command line in an empty folder; give status, standard output and standard error."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["cotrain", *map(str, arguments)])
        try:
            main()
            status = 0
        except SystemExit as stop:
            status = 0 if stop.code is None else stop.code
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return call


@pytest.fixture
def config(tmp_path, run):
    table().write_csv(tmp_path / "table.csv")
    assert run("init", "table.csv", "--targets", "big,price,kind", "-o", "job.yaml")[0] == 0
    return tmp_path / "job.yaml"


QUICK = ["--set", "training.epochs=2", "--set", "encoder={kind: TableEncoder, width: 8, depth: 0}"]


def test_from_a_table_to_predictions(run, config, tmp_path):
    status, out, _ = run("check", "job.yaml")
    assert status == 0
    assert "Label coverage" in out
    status, out, err = run("train", "job.yaml", "--run", "r", *QUICK, "--references", "full")
    assert status == 0, err
    for word in ("big", "auroc", "constant", "trees", "alone", "delta_m", "The run is in r"):
        assert word in out
    assert "3 train" in err or "train," in err
    status, out, _ = run("evaluate", "r", "table.csv", "--json")
    assert status == 0
    assert {row["task"] for row in json.loads(out)} == {"big", "price", "kind"}
    assert run("predict", "r", "table.csv", "-o", "p.csv")[0] == 0
    assert pl.read_csv(tmp_path / "p.csv").height == 200
    status, out, _ = run("predict", "r", "table.csv", "--json")
    assert len(json.loads(out)) == 200
    status, out, _ = run("predict", "r", "table.csv", "--keep", "city", "--keep", "x")
    assert status == 0
    assert out.startswith("city,x,")
    for column, message in {
        "town": "no such column",
        "big": "the predictions have a column of that name",
    }.items():
        status, _, err = run("predict", "r", "table.csv", "--keep", column)
        assert status == 2
        assert message in err


def test_train_prints_what_metrics_json_holds(run, config, tmp_path):
    status, out, _ = run("train", "job.yaml", "--run", "r", *QUICK, "--json")
    assert status == 0
    printed = json.loads(out)
    assert printed == json.loads((tmp_path / "r" / "metrics.json").read_text())
    assert {verdict["task"] for verdict in printed["verdicts"]} == {"big", "price", "kind"}
    assert printed["coverage"]["price"]["train"] > 0


def test_an_interrupted_run_says_how_to_go_on(run, config, tmp_path, monkeypatch):
    from cotrain.training import Fit

    step, taken = Fit._take_step, []

    def interrupted(self, batch, active):
        taken.append(1)
        if len(taken) == 1:
            raise KeyboardInterrupt
        step(self, batch, active)

    monkeypatch.setattr(Fit, "_take_step", interrupted)
    status, _, err = run("train", "job.yaml", "--run", "r", *QUICK)
    assert status == 130
    assert "Go on with: cotrain train job.yaml" in err
    assert "--resume" in err
    status, _, err = run("train", "job.yaml", "--run", "r", *QUICK, "--resume")
    assert status == 0, err


def test_nothing_is_overwritten_without_being_asked(run, config):
    assert run("train", "job.yaml", "--run", "r", *QUICK, "--references", "constant")[0] == 0
    for command in (
        ["train", "job.yaml", "--run", "r", *QUICK],
        ["init", "table.csv", "--targets", "big", "-o", "job.yaml"],
        ["predict", "r", "table.csv", "-o", "table.csv"],
    ):
        status, _, err = run(*command)
        assert status == 2
        assert "--overwrite" in err


def wrong_table(change):
    return lambda: change(table()).write_csv("table.csv")


NOTHING = "nothing"


@pytest.mark.parametrize(
    ("prepare", "arguments", "sentence"),
    [
        (NOTHING, ["init", "tabel.csv", "--targets", "big"], "did you mean 'table.csv'"),
        (NOTHING, ["init", "table.csv", "--targets", "bigg"], "did you mean 'big'"),
        (NOTHING, ["train", "jop.yaml"], "did you mean 'job.yaml'"),
        (NOTHING, ["train", "job.yaml", "--set", "trainin.epochs=3"], "did you mean 'training'"),
        (NOTHING, ["train", "job.yaml", "--set", "training.epochs=0"], "expected at least 1"),
        (NOTHING, ["train", "job.yaml", "--set", "tasks.big.kind=Binery"], "did you mean 'Binary'"),
        (NOTHING, ["train", "job.yaml", "--references", "everything"], "everything"),
        (NOTHING, ["train", "job.yaml", "--run", "r", "--resume", "--set", "tasks.big.name=bog"], "'bog'"),
        (NOTHING, ["predict", "nowhere", "table.csv"], "There is no run folder nowhere"),
        (NOTHING, ["evaluate", "nowhere", "table.csv"], "There is no run folder nowhere"),
        (wrong_table(lambda t: t[:0]), ["train", "job.yaml"], "empty"),
        (wrong_table(lambda t: t.drop("big")), ["train", "job.yaml"], "'big' is not a column"),
        (wrong_table(lambda t: t.with_columns(big=pl.lit(None))), ["train", "job.yaml"], "'big'"),
        (
            wrong_table(lambda t: t.with_columns(price=pl.lit("cheap"))),
            ["train", "job.yaml"],
            "'price'",
        ),
        (
            wrong_table(lambda t: t.with_columns(price=pl.lit(float("inf")))),
            ["train", "job.yaml"],
            "infinite",
        ),
        (
            wrong_table(lambda t: t.with_columns(x=pl.lit(float("inf")))),
            ["train", "job.yaml", "--set", "columns={x: number}"],
            "'x'",
        ),
        (
            wrong_table(
                lambda t: t.with_columns(
                    kind=pl.when(pl.int_range(200) == 7).then(pl.lit("D")).otherwise("kind")
                )
            ),
            ["train", "job.yaml"],
            "'D'",
        ),
    ],
)
def test_bad_input_gets_one_sentence_and_status_2(run, config, prepare, arguments, sentence):
    if prepare is not NOTHING:
        prepare()
    status, out, err = run(*arguments, *(["--quiet"] if arguments[0] == "train" else []))
    assert status == 2, (out, err)
    assert sentence in err
    assert err.strip().count("\n") == 0, "one sentence"
    assert "Traceback" not in err
    assert out == ""


def test_a_duplicated_column_is_refused(run, config, tmp_path):
    text = (tmp_path / "table.csv").read_text().splitlines()
    text[0] = text[0].replace("y", "x", 1)
    (tmp_path / "table.csv").write_text("\n".join(text))
    status, _, err = run("train", "job.yaml", "--quiet")
    assert status == 2
    assert "'x'" in err


def test_a_prediction_table_that_lacks_columns_is_told_which(run, config):
    assert run("train", "job.yaml", "--run", "r", *QUICK, "--references", "constant", "--quiet")[0] == 0
    table().drop("city", "x").write_csv("new.csv")
    status, _, err = run("predict", "r", "new.csv")
    assert status == 2
    assert "'x'" in err
    assert "'city'" in err


def test_names_are_shown_as_they_are(run, tmp_path):
    hostile = "[red]<b>größe 语[/red]"
    table().rename({"big": hostile}).write_csv(tmp_path / "table.csv")
    status, out, err = run("init", "table.csv", "--targets", hostile, "-o", "job.yaml")
    assert status == 0, err
    assert hostile in out
    status, out, err = run("train", "job.yaml", *QUICK, "--run", "r", "--references", "constant", "--quiet")
    assert status == 0, err
    assert hostile in out


@pytest.mark.parametrize("command", ["init", "check", "train", "evaluate", "predict", "demo"])
def test_every_command_has_help_with_an_example(run, command):
    status, out, _ = run(command, "--help")
    assert status == 0
    assert f"cotrain {command}" in out
    assert "Example" in out


def test_import_and_help_load_nothing_heavy():
    code = (
        "import sys, cotrain\n"
        "from cotrain.cli import app\n"
        "heavy = {'torch', 'keras', 'pandas', 'matplotlib', 'sklearn', 'polars'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_whole_public_surface_loads_no_optional_package():
    code = (
        "import sys, cotrain\n"
        "for name in cotrain.__all__: getattr(cotrain, name)\n"
        "heavy = {'keras', 'tensorflow', 'pandas', 'matplotlib', 'sklearn', 'jinja2'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.strip().replace("'", '"'))
    assert set(loaded) <= {"jinja2"}, "jinja2 comes with torch; nothing else may"
