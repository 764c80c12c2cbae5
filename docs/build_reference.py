"""Write the reference pages of the balancing methods from their docstrings.

python docs/build_reference.py             # docs/reference/balancing.md and a page per method
python docs/build_reference.py --measure   # measure the cost of each method first (a minute, one thread)
"""

from __future__ import annotations

import argparse
import inspect
import json
import re
import statistics
import time
from pathlib import Path

import numpy as np

from cotrain import balancing
from cotrain.balancing import Balancer, Needs
from cotrain.configuration import kinds_of

REFERENCE = Path(__file__).parent / "reference"
COSTS = REFERENCE / "balancing_costs.json"
SIZES = (2, 8, 32)
ARGUMENTS = {
    "Static": lambda k: {"weights_per_task": [1.0] * k},
    "ReferenceScaled": lambda k: {"reference_losses": [1.0] * k},
    "Every": lambda k: {"balancer": balancing.UPGrad(), "k": 10},
    "Smoothed": lambda k: {"balancer": balancing.UPGrad(), "beta": 0.9},
}
PASSES = {
    Needs.LOSSES: "losses",
    Needs.NORMS: "gradient norms",
    Needs.GRAMIAN: "Gramian",
    Needs.JACOBIAN: "Jacobian",
    Needs.CROSS: "Gramian between batches",
}


def methods() -> dict[str, type[Balancer]]:
    """Return the concrete methods by name."""
    return dict(sorted(kinds_of(Balancer).items(), key=lambda item: item[0].lower()))


def make(name: str, n_tasks: int) -> Balancer:
    """Return a method with whatever arguments it cannot do without."""
    return methods()[name](**ARGUMENTS.get(name, lambda k: {})(n_tasks))


def measured() -> dict[str, dict[str, float]]:
    """Return method -> number of tasks -> median microseconds of a call, gradients not included."""
    costs: dict[str, dict[str, float]] = {}
    for name in methods():
        costs[name] = {}
        for n_tasks in SIZES:
            rows = np.random.default_rng(0).normal(size=(n_tasks, 4 * n_tasks))
            losses, balancer, times = np.ones(n_tasks), make(name, n_tasks), []
            for _ in range(30):
                start = time.process_time()
                if balancer.needs is Needs.JACOBIAN:
                    balancer.combine(rows, losses)
                else:
                    balancer.weights(losses, rows @ rows.T)
                times.append((time.process_time() - start) * 1e6)
            costs[name][str(n_tasks)] = round(statistics.median(times), 1)
    return costs


def page(name: str) -> str:
    """Return a method's page: its docstring as Markdown."""
    lines = (inspect.getdoc(methods()[name]) or "").splitlines()
    signature = re.sub(r": '([^']*)'", r": \1", str(inspect.signature(methods()[name]))).split(" -> ")[0]
    text = [f"# {name}", "", f"`ct.balancing.{name}{signature}`", ""]
    section = ""
    for line in lines:
        if line in ("Args:", "Raises:", "Example:", "Returns:"):
            section = line
            text += [f"## {'Arguments' if line == 'Args:' else line.rstrip(':')}", ""]
            if section == "Example:":
                text.append("```python")
        elif section == "Example:" and not line.startswith("    ") and line:
            text += ["```", "", line]
            section = ""
        elif section in ("Args:", "Raises:") and line.startswith("    ") and not line.startswith("     "):
            argument, _, meaning = line.strip().partition(":")
            text.append(f"- `{argument}`:{meaning}")
        else:
            section = section if line.startswith("    ") or not line else ""
            text.append(line.removeprefix("    ") if section == "Example:" else line)
    if section == "Example:":
        text.append("```")
    return "\n".join(text).replace("\n\n```\n", "\n```\n").rstrip() + "\n"


def index(costs: dict[str, dict[str, float]]) -> str:
    """Return the page with the table of all methods."""
    rows = [
        "# Balancing methods",
        "",
        "A method gives each task's loss a weight in each step. None is best everywhere: `ReferenceScaled`,",
        "the default, costs nothing and is hard to beat; try others on validation data with several seeds.",
        "",
        "*Looks at* is what has to be computed for it: losses cost nothing beyond the one backward pass; for",
        "the cost of gradients see `benchmarks/balancing.py`. The times are those of the method itself for K",
        "tasks, in microseconds of one CPU core: medians of 30 calls, to compare methods with one another.",
        "",
        "| method | what it does | looks at | " + " | ".join(f"K = {size}" for size in SIZES) + " |",
        "|---|---|---|" + "---:|" * len(SIZES),
    ]
    for name in methods():
        doc = inspect.getdoc(methods()[name]) or ""
        needs = PASSES[make(name, 2).needs]
        of = costs.get(name, {})
        times = " | ".join(f"{of[str(size)]:.0f}" if str(size) in of else "–" for size in SIZES)
        summary = doc.splitlines()[0].replace("|", "\\|")
        rows.append(f"| [{name}](balancing/{name}.md) | {summary} | {needs} | {times} |")
    rows += [
        "",
        "Any function from a Gramian to weights plugs in through `ct.balancing.from_callable`.",
    ]
    return "\n".join(rows) + "\n"


def pages() -> dict[Path, str]:
    """Return every page's path and text."""
    costs = json.loads(COSTS.read_text())
    found = {REFERENCE / "balancing.md": index(costs)}
    return found | {REFERENCE / "balancing" / f"{name}.md": page(name) for name in methods()}


def main() -> None:
    """Write the pages."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--measure", action="store_true")
    if parser.parse_args().measure:
        COSTS.write_text(json.dumps(measured(), indent=1) + "\n")
    for path, text in pages().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    print(f"Wrote {len(pages())} pages to {REFERENCE}.")


if __name__ == "__main__":
    main()
