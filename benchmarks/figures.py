"""How large the code is to one who reads it: what a step enters, circles, names, complexity, floors.

    python benchmarks/figures.py [--source src] [--files] [--json]

- files and lines that one `Balance.backward` (UPGrad on a multi-layer perceptron) enters: every file of the
  package in which any line runs, counted whole;
- files of `cotraining` that one round of co-training enters;
- circles of imports, those of type checkers included;
- class names that stand for two things;
- functions of a complexity above 12;
- floors: modules in the longest chain of imports inside `gradients`.
"""

from __future__ import annotations

import argparse
import ast
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

#: What the figures may be at most. Lines and files of a step: what a peer's engine takes, and some more.
TARGETS = {
    "files entered by Balance.backward": 16,
    "lines of these files": 2200,
    "files of cotraining entered by a round": 16,
    "circles of imports": 0,
    "class names for two things": 0,
    "functions of complexity above 12": 0,
    "floors of imports in gradients": 8,
}


def entered(action: Callable[[], object], root: Path) -> list[Path]:
    """Return the files under `root` in which a line runs while `action` does."""
    found: set[str] = set()

    def trace(frame, event, argument):  # type: ignore[no-untyped-def]
        found.add(frame.f_code.co_filename)

    held = sys.gettrace()
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(held)
    return sorted(path for path in map(Path, found) if root in path.parents)


def backward_step() -> Callable[[], object]:
    """Return a step of UPGrad on a perceptron with two tasks that label every row."""
    import torch
    from torch import nn

    import cotrain as ct

    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU())
    heads = nn.ModuleList([nn.Linear(32, 1) for _ in range(2)])
    x, y = torch.randn(64, 8), torch.randn(64, 2)
    balance = ct.Balance(ct.balancing.UPGrad(), encoder.parameters(), tasks=["a", "b"])

    def losses() -> dict[str, torch.Tensor]:
        z = encoder(x)
        return {
            name: (head(z)[:, 0] - y[:, k]).square().mean()
            for k, (name, head) in enumerate(zip("ab", heads, strict=True))
        }

    balance.backward(losses())
    given = losses()
    return lambda: balance.backward(given)


def co_training_round() -> Callable[[], object]:
    """Return a fit with one round of co-training by the default strategy on a small table."""
    import numpy as np
    import polars as pl

    import cotrain as ct

    random = np.random.default_rng(0)
    x = random.normal(size=(200, 4))
    known = random.random(200) < 0.3
    side = [("right" if v > 0 else "left") if k else None for v, k in zip(x.sum(1), known, strict=True)]
    frame = pl.DataFrame({f"x{i}": x[:, i] for i in range(4)} | {"side": side})
    learner = ct.Learner(
        [ct.tasks.Binary("side")],
        training=ct.Training(epochs=2),
        cotraining=ct.CoTraining(max_rounds=1, updates=6),
    )
    return lambda: learner.fit(frame, validation=0.3, progress=False)


def modules_of(root: Path) -> dict[str, Path]:
    """Return module name -> file; a package is its `__init__`."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports_of(path: Path, modules: dict[str, Path]) -> set[str]:
    """Return the modules of the package that a file imports, for type checkers too, not inside functions."""

    def statements(body: list[ast.stmt]) -> Iterator[ast.stmt]:
        for node in body:
            yield node
            for part in ("body", "orelse", "finalbody"):
                if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                    yield from statements(getattr(node, part, []))

    found: set[str] = set()
    for node in statements(ast.parse(path.read_text()).body):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            inner = {f"{node.module}.{alias.name}" for alias in node.names} & modules.keys()
            found |= inner
            if len(inner) < len(node.names):
                found.add(node.module)
    return found & modules.keys()


def circles_of(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import one another, directly or not."""

    def reached(start: str) -> set[str]:
        seen: set[str] = set()
        stack = [start]
        while stack:
            for child in graph[stack.pop()] - seen:
                seen.add(child)
                stack.append(child)
        return seen

    below = {name: reached(name) for name in graph}
    groups = {
        tuple(sorted(o for o in below[name] if name in below[o])) for name in graph if name in below[name]
    }
    return [list(group) for group in sorted(groups)]


def longest_chain(graph: dict[str, set[str]]) -> list[str]:
    """Return the longest chain of imports in a graph without circles."""
    done: dict[str, list[str]] = {}

    def chain(name: str) -> list[str]:
        if name not in done:
            done[name] = []  # a circle ends here
            done[name] = [name, *max((chain(child) for child in sorted(graph[name])), key=len, default=[])]
        return done[name]

    return max((chain(name) for name in graph), key=len, default=[])


def doubled_names(modules: dict[str, Path]) -> list[str]:
    """Return the class names that are defined twice."""
    seen: dict[str, int] = {}
    for path in modules.values():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                seen[node.name] = seen.get(node.name, 0) + 1
    return sorted(name for name, number in seen.items() if number > 1)


def complex_functions(root: Path) -> list[str]:
    """Return the functions that ruff finds more complex than 12."""
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "C901"]
    options = ["--config", "lint.mccabe.max-complexity=12", "--output-format", "json", str(root)]
    said = subprocess.run([*ruff, *options], check=False, capture_output=True, text=True)
    return [f"{item['filename']}:{item['location']['row']}" for item in json.loads(said.stdout)]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--source", default="src", help="the folder that holds the package")
    parser.add_argument("--files", action="store_true", help="name what was counted")
    parser.add_argument("--json", action="store_true", help="print JSON, nothing else")
    arguments = parser.parse_args()
    sys.path.insert(0, str(Path(arguments.source).resolve()))
    root = Path(arguments.source).resolve() / "cotrain"
    modules = modules_of(root)
    graph = {name: imports_of(path, modules) - {name} for name, path in modules.items()}
    inside = {
        name: {child for child in children if child.startswith("cotrain.gradients.")}
        for name, children in graph.items()
        if name.startswith("cotrain.gradients.")
    }
    step = entered(backward_step(), root)
    rounds = [path for path in entered(co_training_round(), root) if root / "cotraining" in path.parents]
    counted: dict[str, list[str]] = {
        "files entered by Balance.backward": [str(path.relative_to(root)) for path in step],
        "files of cotraining entered by a round": [str(path.relative_to(root)) for path in rounds],
        "circles of imports": [" <-> ".join(group) for group in circles_of(graph)],
        "class names for two things": doubled_names(modules),
        "functions of complexity above 12": complex_functions(root),
        "floors of imports in gradients": longest_chain(inside),
    }
    figures = {what: len(found) for what, found in counted.items()}
    figures["lines of these files"] = sum(len(path.read_text().splitlines()) for path in step)
    if arguments.json:
        print(json.dumps({"figures": figures, "targets": TARGETS, "counted": counted}, indent=1))
        return
    for what, target in TARGETS.items():
        missed = "" if figures[what] <= target else "   MISSED"
        print(f"{what:42s}{figures[what]:6d}   target {target}{missed}")
        if arguments.files:
            print("".join(f"    {item}\n" for item in counted.get(what, [])), end="")


if __name__ == "__main__":
    main()
