"""Commands that a hurried, unlucky or hostile user would give, by the thousand: none ends in a traceback.

Run with `python benchmarks/fuzz.py [--cases 1000] [--seed 0] [--only N]`. Every case is a function of its
number alone. It prints each that went wrong, and counts what ends with status 0, with 2, and otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

#: Seconds after which a command hangs; tables are tiny.
PATIENCE = 120
LONGEST = 400
FORMATS = ("csv", "tsv", "parquet", "jsonl", "json", "csv.gz", "sqlite")
WORDS = [
    *(
        "",
        " ",
        "NA",
        "nan",
        "null",
        "None",
        "-",
        "?",
        "0",
        "-1",
        "1e3",
        "007",
        "1,5",
        "1.234,56",
        "inf",
        "-inf",
    ),
    *(
        "NaN",
        "true",
        "no",
        "2020-01-31",
        "01/02/2020",
        "2020-01-31T10:00:00+02:00",
        "a,b",
        "a;b",
        '"',
        "'",
        "=1+1",
    ),
    *(
        "\x1b[31m",
        "\u202eabc",
        "\u0000",
        "\u2028",
        "語彙",
        "शब्द",
        "👩‍🔬",
        "x" * 500,
        "1" * 30,
        "\t",
        "\n",
        "a\nb",
        "\\",
    ),
]
NAMES = [
    "x",
    "y",
    "a b",
    "Price, EUR",
    "",
    "語",
    "x\x1b[2J",
    "row",
    "target",
    "big_probability",
    "-",
    "0",
    "a.b",
    "*",
]
KINDS = [
    "Binary",
    "Multiclass",
    "Multilabel",
    "Regression",
    "Ordinal",
    "Binery",
    "os:system",
    "nowhere:No",
    None,
    3,
]
VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3.5, 1e308, -1e-300, 10**12, float("nan"), float("inf"), "", [], {}),
    *([1, 2], [None], {"kind": "Nothing"}, {"a": {"b": {}}}, "UPGrad", ["UPGrad"], "1e-3", "MMoE", [[[]]]),
]  # fmt: skip
KEYS = [
    *(
        "data",
        "query",
        "split",
        "split.test",
        "split.validation",
        "split.column",
        "split.group",
        "split.stratify",
    ),
    *(
        "tasks",
        "tasks.0",
        "tasks.big.kind",
        "tasks.0.name",
        "tasks.0.columns",
        "tasks.price.weight",
        "tasks.0.when",
    ),
    *(
        "tasks.0.preference",
        "encoder",
        "encoder.kind",
        "encoder.width",
        "encoder.depth",
        "sharing",
        "balancer",
    ),
    *(
        "training",
        "training.epochs",
        "training.batch_size",
        "training.learning_rate",
        "training.select",
        "head",
    ),
    *(
        "training.patience",
        "training.average",
        "training.device",
        "training.monitor",
        "training.gradients",
        "seed",
    ),
    *(
        "columns",
        "columns.x",
        "missing",
        "output_space",
        "cotraining",
        "references",
        "compare",
        "tune",
        "taks",
        ".",
    ),
    *(
        "tasks.9.kind",
        "tasks.0.positive",
        "tasks.0.labels",
        "cotraining.max_rounds",
        "training.weight_decay",
        "..a",
    ),
]
CONDITIONS = [
    "x > 0",
    "x >",
    "sum(x) > 1",
    "read_csv('t.csv')",
    "nope = 1",
    "x is null or city = 'Rome'",
    "1;2",
    "'",
]


@dataclass(frozen=True)
class Outcome:
    """What became of a command."""

    number: int
    arguments: list[str]
    status: int | None
    error: str
    seconds: float
    trouble: str = ""


class Playground:
    """A folder with a table, a configuration and a finished run, copied for every case that changes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        draw = random.Random(0)
        self.table = table_of(draw, 60)
        self.table.write_csv(self.home / "table.csv")
        self.config = {
            "data": "table.csv",
            "split": {"validation": 0.2, "test": 0.2},
            "tasks": [{"kind": "Binary", "name": "big"}, {"kind": "Regression", "name": "price"}],
            "encoder": {"kind": "TableEncoder", "width": 4, "depth": 0},
            "training": {"epochs": 1, "batch_size": 32},
            "references": "constant",
        }
        (self.home / "job.yaml").write_text(yaml.safe_dump(self.config))
        outcome = run_command(-1, ["train", "job.yaml", "--run", "run", "--quiet", "--no-report"], self.home)
        if outcome.status != 0:
            raise SystemExit(f"the playground cannot be made: {outcome.error}{outcome.trouble}")

    @contextlib.contextmanager
    def case(self, number: int) -> Iterator[Path]:
        """Give a fresh copy for one case."""
        place = self.folder / f"case{number}"
        shutil.copytree(self.home, place)
        try:
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)


def table_of(draw: random.Random, n_rows: int) -> pl.DataFrame:
    """Return an ordinary table."""
    x = [draw.gauss(0, 1) for _ in range(n_rows)]
    return pl.DataFrame(
        {
            "x": x,
            "city": [draw.choice(["Rome", "Oslo", "Lima"]) for _ in x],
            "big": [None if i % 4 == 0 else "yes" if v > 0 else "no" for i, v in enumerate(x)],
            "price": [None if i % 3 == 0 else 3 * v for i, v in enumerate(x)],
        }
    )


def odd_table(draw: random.Random, base: pl.DataFrame) -> pl.DataFrame:
    """Return a table with odd cells, columns, types or lengths."""
    frame = base.head(draw.choice([0, 1, 2, 3, 12, 60, 60, 60]))
    for _ in range(draw.randrange(4)):
        name = draw.choice([*frame.columns, *NAMES])
        kind = draw.randrange(7)
        if kind == 0 and name in frame.columns:
            frame = frame.drop(name)
        elif kind == 1:
            frame = frame.with_columns(
                pl.Series(name, [draw.choice(WORDS) for _ in range(frame.height)], pl.String)
            )
        elif kind == 2:
            frame = frame.with_columns(pl.lit(draw.choice([None, 1, -(2**62), 1e308, "x", True])).alias(name))
        elif kind == 3 and name in frame.columns and frame.height and not frame[name].dtype.is_nested():
            rows = frame[name].cast(pl.String).to_list()
            rows[draw.randrange(len(rows))] = draw.choice(WORDS)
            frame = frame.with_columns(pl.Series(name, rows, pl.String))
        elif kind == 4:
            frame = frame.with_columns(
                pl.Series(name, [[1, 2] for _ in range(frame.height)], pl.List(pl.Int64))
            )
        elif kind == 5:
            values = [draw.choice([float("nan"), float("inf"), 0.0, None]) for _ in range(frame.height)]
            frame = frame.with_columns(pl.Series(name, values, pl.Float64))
        elif kind == 6:
            frame = frame.with_columns(
                pl.Series(name, range(frame.height), draw.choice([pl.Int8, pl.Date, pl.Int64]))
            )
    return frame


def write(frame: pl.DataFrame, path: Path) -> None:
    """Write a table in the format of the ending, as far as the format can."""
    ending = path.name.partition(".")[2]
    nested = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    if ending in ("csv", "tsv", "csv.gz", "sqlite"):
        frame = frame.drop(nested)
    if not frame.width:
        path.write_text("")
    elif ending == "parquet":
        frame.write_parquet(path)
    elif ending == "jsonl":
        frame.write_ndjson(path)
    elif ending == "json":
        frame.write_json(path)
    elif ending == "csv.gz":
        import gzip

        path.write_bytes(gzip.compress(frame.write_csv().encode()))
    elif ending == "sqlite":
        import sqlite3

        with contextlib.closing(sqlite3.connect(path)) as connection:
            names = ", ".join(
                '"{}"'.format(name.replace('"', '""').replace("\0", "")) for name in frame.columns
            )
            with contextlib.suppress(sqlite3.Error):
                connection.execute(f"CREATE TABLE t ({names})")
                marks = ", ".join("?" * frame.width)
                connection.executemany(f"INSERT INTO t VALUES ({marks})", frame.cast(pl.String).rows())
                connection.commit()
    else:
        path.write_text(frame.write_csv(separator="\t" if ending == "tsv" else ","))


def damage(draw: random.Random, path: Path) -> None:
    """Cut, empty, flip, or remove a file, or make a folder of it."""
    if not path.is_file():
        return
    whole, kind = path.read_bytes(), draw.randrange(6)
    place = draw.randrange(max(1, len(whole)))
    if kind == 0:
        path.write_bytes(whole[:place])
    elif kind == 1:
        path.write_bytes(b"")
    elif kind == 2 and whole:
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :])
    elif kind == 3:
        path.write_bytes(draw.randbytes(200))
    elif kind == 4:
        path.unlink()
        path.mkdir()
    else:
        path.unlink()


# -- families of cases: each changes the place and returns a command line -----------------------------


def tables(draw: random.Random, place: Path, ground: Playground) -> list[str]:
    """Odd tables in every format, looked at, learned from and started with."""
    name = f"odd.{draw.choice(FORMATS)}"
    write(odd_table(draw, ground.table), place / name)
    if draw.random() < 0.15:
        damage(draw, place / name)
    kind = draw.choice(["check", "check", "train", "init", "init"])
    if kind == "init":
        targets = draw.choice(["big,price", "big", "price", "*", "!x", draw.choice(NAMES), "city,big"])
        return ["init", name, "--targets", targets, "-o", "new.yaml", "--no-probe"]
    (place / "job.yaml").write_text(yaml.safe_dump({**ground.config, "data": name}))
    return [kind, "job.yaml", *(["--run", "r", "--quiet", "--no-report"] if kind == "train" else [])]


def odd_value(draw: random.Random, *more: Any) -> Any:
    """Return a value of one's own: what a case writes into it no other case sees."""
    return copy.deepcopy(draw.choice([*VALUES, *more]))


def configurations(draw: random.Random, place: Path, ground: Playground) -> list[str]:
    """Configurations with odd values, kinds, text."""
    command = draw.choice(["check", "train", "check", "check"])
    more = ["--run", "r", "--quiet", "--no-report"] if command == "train" else []
    if draw.random() < 0.5:
        sets = []
        for _ in range(draw.choice([1, 1, 2])):
            value = odd_value(draw, draw.choice(CONDITIONS), draw.choice(KINDS))
            text = draw.choice([json.dumps(value), str(value), draw.choice(WORDS)])
            sets += ["--set", f"{draw.choice(KEYS)}={text}"]
        return [command, "job.yaml", *sets, *more]
    config = json.loads(json.dumps(ground.config))
    for _ in range(draw.choice([1, 1, 2, 3])):
        part: Any = config
        while isinstance(part, dict | list) and part:
            key = draw.choice(list(part) if isinstance(part, dict) else range(len(part)))
            if not isinstance(part[key], dict | list) or draw.random() < 0.4:
                part[key] = odd_value(draw, *KINDS, *CONDITIONS)
                break
            part = part[key]
    text = yaml.safe_dump(config, allow_unicode=True)
    if draw.random() < 0.3:
        cut = draw.randrange(len(text))
        text = (
            text[:cut]
            + draw.choice([*WORDS, "{", "]", ": ", "&a *a", "!!python/name:os.system"])
            + text[cut:]
        )
    (place / "job.yaml").write_bytes(
        text.encode("utf-8", "replace") + draw.choice([b"", b"", b"", b"\xff\xfe"])
    )
    return [command, "job.yaml", *more]


def arguments(draw: random.Random, place: Path, ground: Playground) -> list[str]:
    """Odd command lines."""
    commands = [
        "init",
        "check",
        "train",
        "evaluate",
        "predict",
        "complete",
        "compare",
        "tune",
        "analyze",
        "report",
    ]
    paths = [
        "run",
        "table.csv",
        "job.yaml",
        "nowhere",
        "",
        ".",
        "/",
        "/proc/self/mem",
        "run/schema.json",
        "x" * 300,
    ]
    options = [
        *(
            ["--run", draw.choice(paths)],
            ["-o", draw.choice([*paths, "o.csv", "o.parquet", "o.xlsx", "no/o.csv"])],
        ),
        *(
            ["--json"],
            ["--keep", draw.choice(NAMES)],
            ["--by", draw.choice(["city", "x", "nope"])],
            ["--part", "test"],
        ),
        *(
            ["--part", "tset"],
            ["--query", "SELECT 1"],
            ["--overwrite"],
            ["--resume"],
            ["--workers", "0"],
            ["--nope"],
        ),
        *(
            ["--targets", draw.choice(["big", "", "*", "[", "!"])],
            ["--min-confidence", draw.choice(["2", "x", "nan"])],
        ),
        *(
            ["--set", draw.choice(["", "=", "a", "a=", "training.epochs=2"])],
            ["--trust"],
            ["--storage", "nope:x"],
        ),
        ["--references", "constant"],
    ]
    chosen = [part for _ in range(draw.randrange(4)) for part in draw.choice(options)]
    # Comparisons and searches start processes: here they only meet what they refuse.
    command = draw.choice([*commands, "nope", "--version", "--help"])
    first = (
        draw.choice(["table.csv", "nowhere", ""]) if command in ("compare", "tune") else draw.choice(paths)
    )
    rest = (
        [draw.choice(paths) for _ in range(draw.randrange(2))] if command not in ("compare", "tune") else []
    )
    return [command, first, *rest, *chosen]


def runs(draw: random.Random, place: Path, ground: Playground) -> list[str]:
    """Damaged, mixed and forged run folders."""
    from cotrain.learner._run_folder import seal_run

    run = place / "run"
    files = sorted(path for path in run.iterdir() if path.is_file())
    if draw.random() < 0.5:
        damage(draw, draw.choice(files))
    else:
        path = run / draw.choice(
            ["schema.json", "config.yaml", "confidence.json", "metrics.json", "run.json"]
        )
        values: Any = (yaml.safe_load if path.suffix == ".yaml" else json.loads)(path.read_text())
        for _ in range(draw.choice([1, 1, 2])):
            part = values
            while isinstance(part, dict | list) and part:
                key = draw.choice(list(part) if isinstance(part, dict) else range(len(part)))
                if not isinstance(part[key], dict | list) or draw.random() < 0.2:
                    part[key] = odd_value(draw, *KINDS, -7, 10**9)
                    break
                part = part[key]
        path.write_text(yaml.safe_dump(values) if path.suffix == ".yaml" else json.dumps(values))
        seal_run(run)
    command = draw.choice(["predict", "evaluate", "complete", "analyze", "report", "resume", "part", "by"])
    if command == "resume":
        return ["train", "job.yaml", "--run", "run", "--resume", "--quiet", "--no-report"]
    if command in ("part", "by"):
        return (
            ["evaluate", "run", "--part", "test"] if command == "part" else ["analyze", "run", "--by", "city"]
        )
    return [command, "run", *([] if command in ("analyze", "report") else ["table.csv"])]


def predictions(draw: random.Random, place: Path, ground: Playground) -> list[str]:
    """Odd tables for a good run, and odd places for what it says."""
    name = f"new.{draw.choice(FORMATS)}"
    write(odd_table(draw, ground.table), place / name)
    command = draw.choice(["predict", "evaluate", "complete"])
    output = draw.choice(
        [[], [], ["-o", "o.csv"], ["-o", "o.parquet"], ["-o", "o.jsonl"], ["-o", "run"], ["--json"]]
    )
    if command == "evaluate":
        output = draw.choice([[], ["--json"], ["--part", "test"]])
    return [command, "run", name, *output]


FAMILIES: tuple[Callable[[random.Random, Path, Playground], list[str]], ...] = (
    *(tables, configurations, arguments, runs, predictions),
)


class Hang(BaseException):
    """A command that does not end."""


def _ring(number: int, frame: object) -> None:
    raise Hang


def run_command(number: int, line: list[str], place: Path) -> Outcome:
    """Run the command line in this process and look at how it ends."""
    from cotrain.cli import main

    out, err = io.StringIO(), io.StringIO()
    before, argv, begun = Path.cwd(), sys.argv, time.monotonic()
    status: int | None = None
    trouble = ""
    os.chdir(place)
    sys.argv = ["cotrain", *line]
    signal.signal(signal.SIGALRM, _ring)
    signal.alarm(PATIENCE)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            main()
        status = 0
    except SystemExit as stop:
        status = stop.code if isinstance(stop.code, int) else 0 if stop.code is None else 1
    except Hang:
        trouble = "hang: " + traceback.format_exc(limit=-4)
    except BaseException:
        trouble = traceback.format_exc(limit=-6)
    finally:
        signal.alarm(0)
        sys.argv = argv
        os.chdir(before)
    told = err.getvalue().strip()
    last = told.splitlines()[-1] if told else ""
    if not trouble and status not in (0, 2):
        trouble = f"status {status}"
    if not trouble and status == 2 and not (last.startswith("Error: ") and len(last) <= LONGEST):
        trouble = f"status 2 without one line of at most {LONGEST} characters: {told[-600:]!r}"
    if not trouble and any(
        ord(c) < 32 and c not in "\n\t" for c in told + (out.getvalue() if "-o" in line else "")
    ):
        trouble = f"a control character is shown: {told[-300:]!r}"
    return Outcome(number, line, status, told, time.monotonic() - begun, trouble)


def fuzz(cases: Iterable[int], folder: Path) -> Iterator[Outcome]:
    """Run these cases, each named by its number alone."""
    ground = Playground(folder)
    for number in cases:
        draw = random.Random(number)
        with ground.case(number) as place:
            line = FAMILIES[number % len(FAMILIES)](draw, place, ground)
            yield run_command(number, line, place)


def main() -> None:
    """Run the cases and print what went wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cases", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="number of the first case")
    parser.add_argument("--only", type=int, help="run this case alone, and print what it says")
    options = parser.parse_args()
    chosen = range(options.seed, options.seed + options.cases)
    if options.only is not None:
        chosen = range(options.only, options.only + 1)
    counts: Counter[str] = Counter()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as folder:
        for outcome in fuzz(chosen, Path(folder)):
            family = FAMILIES[outcome.number % len(FAMILIES)].__name__
            kind = "trouble" if outcome.trouble else f"status {outcome.status}"
            counts[f"{family:15} {kind}"] += 1
            slowest = max(slowest, outcome.seconds)
            if outcome.trouble or options.only is not None:
                print(f"case {outcome.number} ({family}): cotrain {outcome.arguments}", flush=True)
                print(f"{outcome.trouble or outcome.error}\n", flush=True)
    for kind, number in sorted(counts.items()):
        print(f"{kind}: {number}")
    print(f"slowest: {slowest:.1f} s")
    sys.exit(any("trouble" in kind for kind in counts))


if __name__ == "__main__":
    main()
