"""The shape of the code: one thing, one file, one test, one export; and parameters under their own names."""

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

import cotrain
from cotrain._base import MissingExtraError, _inputs, constructor_parameters
from cotrain.configuration import kinds_of
from cotrain.configuration._registry import FAMILIES, SETTINGS

ROOT = Path(cotrain.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
#: `Wrap.module` is a property: it must not count among the encoder's own submodules.
CONFIGURABLE = [
    cls for base in FAMILIES for cls in kinds_of(base).values() if cls is not cotrain.networks.Wrap
] + list(SETTINGS)


def docstring_free(function):
    body = function.body[1:] if ast.get_docstring(function) else function.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_stay_small_and_nothing_is_left_to_do(path):
    text = path.read_text()
    assert len(text.splitlines()) <= 500
    assert not re.search(r"\b(TODO|FIXME|XXX)\b", text)
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef):
            assert docstring_free(node) <= 60, f"{node.name} has {docstring_free(node)} lines"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_keys_of_inputs_are_spelled_in_one_place(path):
    prefixes = {_inputs.BAG, _inputs.WORDS, _inputs.CHARACTERS, _inputs.PIECES, _inputs.FIRSTS}
    prefixes |= {_inputs.PICTURE, _inputs.SOUND}
    spelled = {
        node.value
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in prefixes
    }
    assert not spelled or path.name == "_inputs.py"


def refused_choices(tree):
    """Lines that refuse an argument for being none of some strings, in words of their own."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.If) and isinstance(node.test, ast.Compare)):
            continue
        choices = node.test.comparators[0]
        strings = [one for one in getattr(choices, "elts", []) if isinstance(getattr(one, "value", 0), str)]
        raised = node.body[0].exc if isinstance(node.body[0], ast.Raise) else None
        error = getattr(getattr(raised, "func", None), "id", "")
        asked = isinstance(node.test.ops[0], ast.NotIn) and isinstance(node.test.left, ast.Name)
        if asked and len(strings) > 1 and error == "InvalidArgumentError":
            yield node.lineno


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_none_of_the_choices_is_refused_by_the_one_check(path):
    assert not list(refused_choices(ast.parse(path.read_text())))


def many_positionals(path):
    """The functions of a file that take more than four arguments by their places."""
    tree = ast.parse(path.read_text())
    methods = {node for cls in ast.walk(tree) if isinstance(cls, ast.ClassDef) for node in cls.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            arguments = [*node.args.posonlyargs, *node.args.args]
            if len(arguments) - (node in methods and arguments[0].arg in ("self", "cls")) > 4:
                yield f"{path.relative_to(ROOT).as_posix()}:{node.name}"


def test_no_function_takes_more_than_four_arguments_by_their_places():
    # Commands are called by name, and what overrides a method of Keras has its arguments.
    found = {one for path in FILES if path.parent.name != "cli" for one in many_positionals(path)}
    # Those of the list are arithmetic on arrays that has a name for each; nothing may join them.
    assert found <= set((Path(__file__).parent / "many_positionals.txt").read_text().split())


@pytest.mark.parametrize(
    "package", [path.parent.relative_to(ROOT) for path in FILES if path.name == "__init__.py"], ids=str
)
def test_every_export_exists_and_is_listed_in_order(package):
    name = ".".join(["cotrain", *package.parts])
    try:
        module = importlib.import_module(name)
    except MissingExtraError as error:
        pytest.skip(str(error))
    exported = getattr(module, "__all__", [])
    assert len(set(exported)) == len(exported)
    for symbol in exported:
        assert getattr(module, symbol) is not None


@pytest.mark.parametrize("cls", CONFIGURABLE, ids=lambda cls: cls.__name__)
def test_every_constructor_parameter_is_kept_under_its_own_name_and_typed(cls):
    # The YAML file is made from the signature and the resolved one from the attributes.
    source = inspect.getsource(cls.__init__) if "__init__" in vars(cls) else ""
    bases = "".join(inspect.getsource(base) for base in cls.__mro__ if base.__module__.startswith("cotrain"))
    for name, parameter in constructor_parameters(cls).items():
        assert parameter.annotation is not parameter.empty, f"{name} has no type"
        assert re.search(rf"self\.{name}\b[^=\n]*=", source + bases), f"self.{name} is never set"


def test_at_most_twelve_names_at_the_top():
    assert len([name for name in cotrain.__all__ if not name.startswith("_")]) <= 12


def test_no_two_classes_have_one_name():
    places: dict[str, list[str]] = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert not {name: paths for name, paths in places.items() if len(paths) > 1}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_nothing_is_defined_twice_in_one_place(path):
    # The second of two functions of one name, left by a merge, takes the place of the first without a word.
    tree = ast.parse(path.read_text())
    for place in [tree, *(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))]:
        names = [
            node.name
            for node in place.body
            if isinstance(node, ast.FunctionDef | ast.ClassDef)
            and not any(re.search(r"overload|setter", ast.unparse(one)) for one in node.decorator_list)
        ]
        assert len(names) == len(set(names))


def test_every_module_has_its_test_file_at_the_same_path():
    tests = Path(__file__).resolve().parents[1] / "unit"
    missing = set()
    for path in FILES:
        place = path.relative_to(ROOT)
        if path.stem.startswith("__") or len(path.read_text().splitlines()) <= 30:
            continue
        if not (tests / place.with_name(f"test_{place.name.removeprefix('_')}")).exists():
            missing.add(str(place))
    assert not missing


def public_things():
    """The exported classes and functions of the rooms, each once."""
    found = {}
    for path in sorted(ROOT.glob("[a-z]*/__init__.py")):
        # The commands have --help, and Keras an environment of its own, where its doctests run.
        if path.parent.name in ("cli", "keras"):
            continue
        module = importlib.import_module(f"cotrain.{path.parent.name}")
        for name in getattr(module, "__all__", []):
            thing = getattr(module, name)
            if inspect.isclass(thing) or inspect.isfunction(thing):
                found[f"{thing.__module__}.{name}"] = thing
    return found


PUBLIC = public_things()


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_class_and_function_has_an_example(name):
    thing = PUBLIC[name]
    methods = vars(thing).values() if inspect.isclass(thing) else []
    assert any(">>>" in (getattr(one, "__doc__", None) or "") for one in (thing, *methods))
