"""No module imports itself by way of others, not even for its types."""

import ast
from pathlib import Path

import cotrain

ROOT = Path(cotrain.__file__).parent
MODULES = {
    ".".join(["cotrain", *path.relative_to(ROOT).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in sorted(ROOT.rglob("*.py"))
}


def imported(path: Path) -> set[str]:
    """Return the private modules that a file names, under `TYPE_CHECKING` and inside functions too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    # A package only hands on what its modules hold.
    return {name for name in found if name in MODULES and MODULES[name].stem != "__init__"}


def circles() -> list[list[str]]:
    graph = {name: imported(path) for name, path in MODULES.items() if path.stem != "__init__"}
    done: set[str] = set()
    found: list[list[str]] = []

    def visit(name: str, above: list[str]) -> None:
        if name in above:
            found.append(above[above.index(name) :])
        elif name not in done:
            for other in sorted(graph[name]):
                visit(other, [*above, name])
            done.add(name)

    for name in graph:
        visit(name, [])
    return found


def test_no_module_imports_itself_by_way_of_others():
    assert circles() == []
