"""A configuration file: which data, how it is split, and which learner."""

from __future__ import annotations

import copy
import os
import reprlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Self, final

import numpy as np
import polars as pl

from cotrain._base import ConfigError, constructor_parameters, did_you_mean
from cotrain.configuration import construct_class, describe, read_yaml
from cotrain.data import Missing, Split, TypedTable, read_tables
from cotrain.data.sources import SOURCE, join_frames, read_sources, require_columns
from cotrain.learner._learner import Learner
from cotrain.learner._run_folder import MODEL, SCHEMA
from cotrain.learner._run_manifest import MANIFEST

References = Literal["constant", "trees", "full"]

#: A table: its path, or those of its files.
TablePaths = str | Sequence[str]
#: A table, or source -> table.
Paths = TablePaths | Mapping[str, TablePaths]
#: Parts that may have tables of their own.
GIVEN_PARTS = ("validation", "test")

#: How the path of a database may begin.
_DATABASE = "sqlite:///"
_LEARNER_KEYS = tuple(constructor_parameters(Learner))


@final
class Configuration:
    """What `cotrain train` does.

    In the file the arguments of `Configuration` and of `Learner` stand side by side.

    Args:
        learner: the learner, not yet fitted.
        data: path to a table, or source -> path, for several tables with rows and tasks of their own;
            relative paths start at the configuration file. A list of paths is one table in several files:
            those with the same columns have more rows, others more columns of the first one's rows.
        query: for a database: a SELECT statement or the name of a table.
        split: how the rows are split; default `Split()`.
        validation: path, or source -> path, of the validation rows; by default they are split off `data`.
        test: path, or source -> path, of the test rows; by default they are split off `data`.
        references: what the test figures are shown beside. "constant": the best constant prediction;
            "trees": that and gradient-boosted trees per target, of the library that `trees` names;
            "full": these and one network per task under the same budget.
        keep_rows: whether the run folder keeps some test rows as they are, for the report's "rows to look
            at". `False`: nobody who gets the folder sees a row of the table, medical ones for example.
        compare: the section of `cotrain compare`, so that one file serves both; not looked at here.
        tune: the section of `cotrain tune`; not looked at here.

    Example:
        >>> oscar = {"kind": "Binary", "name": "oscar"}
        >>> configuration = Configuration.from_config({"data": "films.csv", "tasks": [oscar]})
        >>> configuration.learner.tasks
        [Binary('oscar')]
        >>> Configuration.from_config({"data": "films.csv", "taks": []})
        Traceback (most recent call last):
        cotrain._base._errors.ConfigError: There is no key 'taks': did you mean 'tasks'?
    """

    def __init__(
        self,
        learner: Learner,
        data: Paths,
        *,
        query: str | None = None,
        split: Split | None = None,
        validation: Paths | None = None,
        test: Paths | None = None,
        references: References = "trees",
        keep_rows: bool = True,
        compare: Mapping[str, object] | None = None,
        tune: Mapping[str, object] | None = None,
    ) -> None:
        self.learner = learner
        self.data = data
        self.query = query
        self.split = split or Split()
        self.validation = validation
        self.test = test
        _require_parts(self)
        self.references = references
        self.keep_rows = keep_rows
        self.compare = dict(compare or {})
        self.tune = dict(tune or {})

    @classmethod
    def read(cls, path: str | Path, settings: Sequence[str] = (), *, trust: bool | None = None) -> Self:
        """Read a configuration file and override single values.

        Args:
            path: a YAML file, or a run folder.
            settings: "key=value" each; a key may go down with dots ("training.epochs=5"), the value is YAML.
                Relative paths in it start at the working directory.
            trust: whether kinds from outside this library may be imported, which runs their code; default:
                yes for a file that the user has written, no for one in a run folder, which is data.

        Raises:
            ConfigError: the file is missing or no YAML, a key is unknown, or a value is wrong.
        """
        path = Path(path)
        path = path / "config.yaml" if path.is_dir() else path
        trust = not _is_of_a_run(path) if trust is None else trust
        if not path.is_file():
            near = sorted(p.name for p in path.parent.glob("*.y*ml")) if path.parent.is_dir() else []
            hint = f": {did_you_mean(path.name, near)}" if near else ": make one with cotrain init."
            raise ConfigError(f"There is no configuration file {path}{hint}")
        try:
            config = read_yaml(path.read_text(encoding="utf-8"))
        except (ConfigError, UnicodeDecodeError) as error:
            raise ConfigError(f"{path}: {error}") from error
        if not isinstance(config, dict):
            raise ConfigError(
                f"{path} must hold keys and values such as data: and tasks:, got {reprlib.repr(config)}."
            )
        # What the file says starts at the file, and what is said beside it where one stands.
        _start_paths_at(path.parent, config)
        for setting in settings:
            override(config, setting)
        _start_paths_at(Path(), config)
        try:
            return cls.from_config(config, trust=trust)
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error

    def tables(self) -> tuple[TypedTable, dict[str, np.ndarray]]:
        """Read all tables as one.

        Returns:
            the rows of `data`, then those of `validation` and of `test`; and the row numbers of the last two,
            where they are given.

        Raises:
            DataError: a table cannot be read, or they do not go together.
        """
        learner = self.learner
        given = {part: paths for part in GIVEN_PARTS if (paths := getattr(self, part)) is not None}
        if not given:
            options: dict[str, Any] = {"missing": learner.missing, "kinds": learner.columns}
            return read_sources(self.data, learner.source, query=self.query, **options), {}
        column = (learner.source or SOURCE) if isinstance(self.data, Mapping) else None
        frames, tables = _read_frames(self.data, "data", self.query)
        targets = {column for task in learner.tasks for column in task.columns}
        dropped = {name for name, choice in learner.columns.items() if choice == "drop"}
        known = {name: set(frame.columns) - targets - dropped for name, frame in frames}
        rows, laid, first = {}, list(frames), sum(frame.height for _, frame in frames)
        for part, paths in given.items():
            own, files = _read_frames(paths, "data", None)
            tables = [*tables, *files]
            require_columns(dict(own), known)
            height = sum(frame.height for _, frame in own)
            rows[part], first = np.arange(first, first + height), first + height
            laid += own
        words = Missing(learner.missing)
        words.require(list(dict.fromkeys(column for _, frame in laid for column in frame.columns)))
        table = join_frames(laid, column, missing=words, types={}, kinds=learner.columns)
        table.tables = tuple(tables)
        one_with_sources = column is None and learner.source is not None
        return (table.from_source(str(learner.source)) if one_with_sources else table), rows

    @classmethod
    def from_config(cls, config: Mapping[str, Any], *, trust: bool = True) -> Self:
        """Make a job from the plain values of a configuration file; see `read` for `trust`."""
        job_keys = [key for key in constructor_parameters(cls) if key != "learner"]
        for key in config:
            if key not in job_keys and key not in _LEARNER_KEYS:
                raise ConfigError(
                    f"There is no key {key!r}: {did_you_mean(str(key), [*job_keys, *_LEARNER_KEYS])}"
                )
        for key in ("data", "tasks"):
            if key not in config:
                raise ConfigError(f"The key {key!r} is missing: cotrain init writes a complete file.")
        learner = construct_class(
            Learner, {k: v for k, v in config.items() if k in _LEARNER_KEYS}, "", trust=trust
        )
        arguments = {key: value for key, value in config.items() if key in job_keys}
        return construct_class(cls, {"learner": learner, **arguments}, "", trust=trust)

    def config(self) -> dict[str, Any]:
        """Return all arguments as plain values, from which an equal job can be made."""
        own = {part: each_path(getattr(self, part), os.path.abspath) for part in ("data", *GIVEN_PARTS)}
        own |= {"query": self.query, "split": describe(self.split)}
        own |= {"references": self.references, "compare": describe(self.compare)}
        own |= {"tune": describe(self.tune), "keep_rows": None if self.keep_rows else False}
        return {**{k: v for k, v in own.items() if v not in (None, {})}, **self.learner.config()}

    def changed(self, values: Mapping[str, object]) -> Self:
        """Return a job that differs in some values.

        Args:
            values: key -> plain value; a key may go down with dots, as in "training.epochs", and names a
                task by its name, as in "tasks.price.weight".

        Raises:
            ConfigError: a key is unknown, or a value is wrong.
        """
        config = copy.deepcopy(self.config())
        for key, value in values.items():
            _set(config, key, copy.deepcopy(value), key)
        return self.from_config(config)


def require_no_time_limit(configuration: Configuration, what: str) -> None:
    """Raise `ConfigError` if fits that have to be alike would each take what their time allows.

    Args:
        configuration: of the fits.
        what: needs them alike.
    """
    limit = configuration.learner.training.time_limit
    if limit is not None:
        raise ConfigError(
            f"training.time_limit is {limit!r}, and {what} gives all fits the same steps, however long they "
            "take: leave it out (--set training.time_limit=null), and set training.epochs."
        )


def _read_frames(
    paths: Paths, name: str, query: str | None
) -> tuple[list[tuple[str, pl.DataFrame]], list[tuple[str, int]]]:
    """Return (source, cells) of one part of the data, and (path, number of rows) of its files.

    `name` is the source where there is one.
    """
    named = dict(paths) if isinstance(paths, Mapping) else {name: paths}
    frames, tables = [], []
    for source, path in named.items():
        cells, files = read_tables(path, query)
        frames.append((source, cells))
        tables += files or [(str(path), cells.height)]
    return frames, tables


def each_path(paths: Paths | None, change: Callable[[str], str]) -> Any:
    """Return a path, a list of paths, or a mapping of either, changed."""
    if isinstance(paths, Mapping):
        return {name: each_path(path, change) for name, path in paths.items()}
    if paths is None:
        return None
    if isinstance(paths, list | tuple):
        return [each_path(path, change) for path in paths]
    path = str(paths)
    scheme = _DATABASE if path.startswith(_DATABASE) else ""
    return scheme + change(path.removeprefix(scheme))


def _start_paths_at(folder: Path, config: dict[str, Any]) -> None:
    """Let the relative paths in plain values start at a folder."""

    def started(path: str) -> str:
        return os.path.normpath(folder / Path(path).expanduser())

    for part in ("data", *GIVEN_PARTS):
        if _are_paths(config.get(part)):
            config[part] = each_path(config[part], started)
    encoder = config.get("encoder")
    if isinstance(encoder, dict) and isinstance(encoder.get("folder"), str):
        encoder["folder"] = os.path.abspath(started(encoder["folder"]))


def _are_paths(value: object) -> bool:
    inner = list(value.values()) if isinstance(value, dict) else value
    return isinstance(inner, str) or (isinstance(inner, list) and all(map(_are_paths, inner)))


def _require_parts(configuration: Configuration) -> None:
    """Raise `ConfigError` if the keys that say where rows come from do not go together."""
    several = isinstance(configuration.data, Mapping)
    if several:
        if not configuration.data:
            raise ConfigError("data: expected a path, or a mapping of a name to a path each, got {}.")
        if configuration.query is not None:
            raise ConfigError("query goes with one database, not with several sources: leave it out.")
    for part in GIVEN_PARTS:
        given = getattr(configuration, part)
        if given is None:
            continue
        if isinstance(given, Mapping) != several:
            raise ConfigError(
                f"{part}: must name its sources exactly if data: does: write {part}: {{NAME: path}} for each."
                if several
                else f"{part}: names sources, and data: does not: write data: {{NAME: path}} as well."
            )
        if isinstance(given, Mapping):
            for name in given:
                if name not in configuration.data:
                    raise ConfigError(
                        f"{part}: has the source {name!r}, which data: does not have: "
                        f"{did_you_mean(str(name), list(configuration.data))}"
                    )
        if configuration.split.column is not None:
            raise ConfigError(
                f"split.column and {part}: both say which rows are for {part}: leave one of them out."
            )


def _is_of_a_run(path: Path) -> bool:
    """Whether a configuration lies in a run folder, and may be somebody else's."""
    return any((path.parent / name).exists() for name in (SCHEMA, MANIFEST, MODEL))


def override(config: dict[str, Any], setting: str) -> None:
    """Set one value, given as "key.key=YAML"."""
    key, equals, text = setting.partition("=")
    if not equals or not key:
        raise ConfigError(f"--set {setting!r}: expected key=value, such as training.epochs=5.")
    try:
        value = read_yaml(text)
    except ConfigError as error:
        raise ConfigError(f"--set {setting!r}: {error}") from error
    _set(config, key, value, f"--set {setting!r}")


def _set(config: dict[str, Any], key: str, value: object, where: str) -> None:
    """Set the value at a key that may go down with dots."""
    *path, last = key.split(".")
    place: Any = config
    for i, name in enumerate(path):
        key = _key(place, name, where)
        inner = place.get(key) if isinstance(place, dict) else place[key]
        if isinstance(inner, str) or inner is None:
            # A kind that was written as a bare name gets its first option.
            place[key] = {} if inner is None else {"kind": inner}
        elif not isinstance(inner, dict | list):
            raise ConfigError(f"{where}: {'.'.join(path[: i + 1])} is {inner!r} and has no parts.")
        place = place[key]
    place[_key(place, last, where)] = value


def _key(place: Any, name: str, where: str) -> Any:
    """Return what `name` means in a mapping, or in a list, where it is a number or a task's name."""
    if isinstance(place, dict):
        return name
    names = [str(item.get("name", i)) if isinstance(item, dict) else str(i) for i, item in enumerate(place)]
    if name in names:
        return names.index(name)
    if name.isdigit() and int(name) < len(place):
        return int(name)
    raise ConfigError(f"{where}: {name!r} is not in the list; {did_you_mean(name, names)}")
