"""Objects from plain values and back: what stands in a YAML file is what stands in a constructor."""

from __future__ import annotations

import importlib
import inspect
import re
import reprlib
import types
import typing
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from torch import nn

from cotrain import balancing, cotraining, networks, tasks
from cotrain._base import ConfigError, CotrainError, constructor_parameters, did_you_mean, parameters_of
from cotrain.balancing import Balancer
from cotrain.cotraining import Calibrator, CoTraining, Selector, Strategy, TextAugmentation
from cotrain.data import Split, sources
from cotrain.data.sources import Mixing
from cotrain.networks import Encoder, OutputSpace, Sharing
from cotrain.tasks import CustomMetric, Metric, Task
from cotrain.training import PictureAugmentation, Reconstruction, Training

T = TypeVar("T")
#: How a class of somebody else's is written.
_FOREIGN = re.compile(r"[^\W\d]\w*(\.\w+)*:\w+")

#: Base class -> the package whose exports are its kinds.
FAMILIES: dict[type, ModuleType] = {
    Balancer: balancing,
    Calibrator: cotraining,
    Encoder: networks,
    Mixing: sources,
    OutputSpace: networks,
    Selector: cotraining,
    Sharing: networks,
    Strategy: cotraining,
    Task: tasks,
}

#: Classes of which there is one kind only: a mapping of their arguments is enough.
SETTINGS: tuple[type, ...] = (
    Training,
    Split,
    CoTraining,
    PictureAugmentation,
    Reconstruction,
    TextAugmentation,
)
#: The same, with arguments that have to be given.
_OF_ARGUMENTS: tuple[type, ...] = (*SETTINGS, CustomMetric)


def kinds_of(base: type[T]) -> dict[str, type[T]]:
    """Return the exported, usable classes of a family by name.

    Example:
        >>> "HardSharing" in kinds_of(Sharing)
        True
    """
    package = FAMILIES[base]
    # What is imported when it is first used is no part of a configuration.
    exported = {name: vars(package)[name] for name in package.__all__ if name in vars(package)}
    return {
        name: value
        for name, value in exported.items()
        if isinstance(value, type) and issubclass(value, base) and not inspect.isabstract(value)
    }


def construct(base: type[T], spec: object, where: str, *, trust: bool = True) -> T:
    """Make an object of a family from its plain description.

    Args:
        base: the family's base class.
        spec: a name, or a mapping with `kind` and the constructor's arguments; a kind of somebody else's
            is written "package.module:Class". An object of the family is returned as it is.
        where: the key in the configuration, for errors.
        trust: whether a kind from outside this library may be imported, which runs its code: yes for what the
            user has written, no for what came with a run folder.

    Raises:
        ConfigError: an unknown or untrusted kind or argument, or an argument of the wrong type or range.

    Example:
        >>> construct(Encoder, {"kind": "TableEncoder", "width": 64}, "encoder").width
        64
        >>> construct(Encoder, {"kind": "TableEncoder", "widht": 64}, "encoder")
        Traceback (most recent call last):
        cotrain._base._errors.ConfigError: encoder: TableEncoder has no option 'widht': did you mean 'width'?
    """
    if isinstance(spec, base):
        return spec
    if isinstance(spec, str):
        spec = {"kind": spec}
    if not isinstance(spec, Mapping) or not isinstance(spec.get("kind"), str):
        example = next(iter(kinds_of(base)), base.__name__)
        raise ConfigError(
            f"{where}: expected a name or a mapping with a kind, such as {{kind: {example}}}, got "
            f"{reprlib.repr(spec)}."
        )
    cls = find_kind(base, spec["kind"], where, trust=trust)
    arguments = {name: value for name, value in spec.items() if name != "kind"}
    return construct_class(cls, arguments, where, trust=trust)


def find_kind(base: type[T], kind: str, where: str, *, trust: bool = True) -> type[T]:
    """Return the class of this name, or the one that "package.module:Class" points to."""
    known = kinds_of(base)
    if kind in known:
        return known[kind]
    if ":" not in kind:
        raise ConfigError(
            f"{where}: there is no {base.__name__.lower()} {kind!r}: {did_you_mean(kind, known)}"
        )
    if not trust:
        raise _untrusted(where, kind)
    module_name, _, class_name = kind.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(f"{where}: cannot import {kind!r}: {error}.") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise ConfigError(f"{where}: {kind!r} is not a {base.__name__}.")
    return found


def construct_class(cls: type[T], arguments: Mapping[str, object], where: str, *, trust: bool = True) -> T:
    """Call a constructor with plain values, checked against its signature; see `construct`.

    Example:
        >>> construct_class(Training, {"epochs": 3}, "training").epochs
        3
    """
    parameters = constructor_parameters(cls)
    at = f"{where}." if where else ""
    hints = typing.get_type_hints(cls.__init__)
    checked: dict[str, Any] = {}
    for name, value in arguments.items():
        if name not in parameters:
            raise ConfigError(
                f"{_before(where)}{cls.__name__} has no option {name!r}: "
                f"{did_you_mean(str(name), parameters)}"
            )
        if not trust and name in getattr(cls, "IMPORTED", ()) and ":" in str(value):
            raise _untrusted(f"{at}{name}", str(value))
        checked[name] = _convert(hints.get(name, Any), value, f"{at}{name}", trust=trust)
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is parameter.empty and name not in checked
    ]
    if missing:
        raise ConfigError(f"{_before(where)}{cls.__name__} needs {', '.join(missing)}.")
    try:
        return cls(**checked)
    except ConfigError:
        raise
    except CotrainError as error:
        raise ConfigError(f"{_before(where)}{error}") from error


def describe(obj: object) -> Any:
    """Return the plain description from which `construct` makes an equal object.

    Arguments that have their default value are left out.

    Example:
        >>> from cotrain.balancing import Static
        >>> describe(Static([1, 2]))
        {'kind': 'Static', 'weights_per_task': [1.0, 2.0]}
    """
    if isinstance(obj, _OF_ARGUMENTS):
        return changed_parameters(obj)
    if isinstance(obj, tuple(FAMILIES)):
        cls = type(obj)
        base = next(base for base in FAMILIES if isinstance(obj, base))
        own = (name for name, known in kinds_of(base).items() if known is cls)
        name = next(own, f"{cls.__module__}:{cls.__qualname__}")
        return {"kind": name, **changed_parameters(obj)}
    if isinstance(obj, Mapping):
        return {key: describe(value) for key, value in obj.items()}
    if isinstance(obj, Sequence) and not isinstance(obj, str):
        return [describe(value) for value in obj]
    if inspect.isroutine(obj) or isinstance(obj, Metric):
        return _path_of(obj)
    if isinstance(obj, nn.Module):
        return f"a {type(obj).__name__} given in Python"  # for the reader: it cannot be made again from this
    return obj


def _path_of(obj: Any) -> str:
    """Return where a function is found, or raise `ConfigError` where no file could name it."""
    path = f"{getattr(obj, '__module__', '')}:{getattr(obj, '__qualname__', '<')}"
    if not _FOREIGN.fullmatch(path):
        name = getattr(obj, "__qualname__", None) or obj.name
        raise ConfigError(
            f"{name!r} is given in Python, and a configuration cannot name it: define it as a function of a "
            "module, or fit without a run folder."
        )
    return path


def changed_parameters(obj: object) -> dict[str, Any]:
    """Return the constructor arguments of `obj` that differ from their defaults, as plain values."""
    defaults = {name: p.default for name, p in constructor_parameters(type(obj)).items()}
    values = {name: describe(value) for name, value in parameters_of(obj).items()}
    return {
        name: value
        for name, value in values.items()
        if value != describe(defaults[name]) and not (defaults[name] is None and value in ({}, []))
    }


def _convert(annotation: Any, value: object, where: str, *, trust: bool) -> object:
    """Check a plain value against an annotation; build components where the annotation asks for them."""
    if isinstance(annotation, type) and isinstance(value, annotation) and type(value) is not bool:
        return value
    if value is None and type(None) in typing.get_args(annotation):
        return None
    if isinstance(value, str) and str in typing.get_args(annotation):
        return value  # where a name stands for a thing
    if any(
        typing.get_origin(choice) is typing.Literal and value in typing.get_args(choice)
        for choice in typing.get_args(annotation)
    ):
        return value
    for choice in typing.get_args(annotation) if _is_union(annotation) else (annotation,):
        if choice in FAMILIES:
            return construct(cast(type, choice), value, where, trust=trust)
        if choice in _OF_ARGUMENTS:
            return _settings(cast(type, choice), value, where, trust=trust)
        members = typing.get_args(choice)
        if typing.get_origin(choice) is Sequence and _has_components(members[0]):
            if isinstance(value, str) or not isinstance(value, Sequence):
                raise ConfigError(f"{where}: expected a list, got {value!r}.")
            return [_convert(members[0], item, f"{where}[{i}]", trust=trust) for i, item in enumerate(value)]
    return _validate(annotation, value, where)


def _settings(cls: type[T], value: object, where: str, *, trust: bool) -> T:
    """Make an object of a class of which there is one kind only."""
    if isinstance(value, cls):
        return value
    if not isinstance(value, Mapping):
        parameters = constructor_parameters(cls)
        may_be_empty = all(one.default is not one.empty for one in parameters.values())
        hint = ", {} for the defaults" if may_be_empty else ""
        raise ConfigError(
            f"{where}: expected a mapping of options of {cls.__name__} ({', '.join(parameters)}){hint}; got "
            f"{reprlib.repr(value)}."
        )
    return construct_class(cls, value, where, trust=trust)


def _validate(annotation: Any, value: object, where: str) -> object:
    """Check a value that is no component."""
    wrong = None if _allows_bool(annotation) else _first_bool(value)
    if wrong is not None:
        # Python counts true as 1: learning_rate: true would train, and with the rate 1.
        said = "true (also: yes, on)" if wrong else "false (also: no, off)"
        raise ConfigError(f"{where}: expected no {said} here, got {value!r}; put words in quotes.")
    try:
        return TypeAdapter(annotation).validate_python(value)
    except PydanticUserError:
        return value  # a type that pydantic cannot describe: the constructor itself will judge
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{where}: {first['msg']}, got {reprlib.repr(value)}.") from error
    except RecursionError as error:
        raise ConfigError(f"{where}: the value is nested too deeply.") from error


def foreign_kinds(values: object) -> set[str]:
    """Return what plain values name as "package.module:Class", wherever it stands in them.

    Example:
        >>> sorted(foreign_kinds({"encoder": {"kind": "mine.nets:Tower", "width": 8}, "data": "films.csv"}))
        ['mine.nets:Tower']
    """
    if isinstance(values, str):
        return {values} if _FOREIGN.fullmatch(values) else set()
    if isinstance(values, Mapping):
        return set().union(*map(foreign_kinds, values.values()))
    if isinstance(values, Sequence):
        return set().union(*map(foreign_kinds, values))
    return set()


def _untrusted(where: str, name: str) -> ConfigError:
    return ConfigError(
        f"{where} names {name!r}, which is not of this library, in a run or configuration of somebody's: to "
        "import it runs its code, so say --trust (trust=True) if you have written or read it."
    )


def _allows_bool(annotation: Any) -> bool:
    """Whether true and false are values of this type, or anything is."""
    if annotation in (bool, Any, object):
        return True
    members = typing.get_args(annotation)
    if typing.get_origin(annotation) is typing.Literal:
        return any(isinstance(member, bool) for member in members)
    return any(_allows_bool(member) for member in members) or not (members or isinstance(annotation, type))


def _first_bool(value: object) -> bool | None:
    if isinstance(value, bool):
        return value
    inner = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return next((found for item in inner if (found := _first_bool(item)) is not None), None)


def _has_components(annotation: Any) -> bool:
    """Whether values of this type are made by `construct`, `None` perhaps aside."""
    choices = typing.get_args(annotation) if _is_union(annotation) else (annotation,)
    return any(choice in FAMILIES or choice in _OF_ARGUMENTS for choice in choices)


def _before(where: str) -> str:
    return f"{where}: " if where else ""


def _is_union(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (typing.Union, types.UnionType)
