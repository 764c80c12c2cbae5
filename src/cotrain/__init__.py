"""Train related tasks together.

Learning from partial labels with one network or several, balanced, co-trained, and honestly compared.
The names below are loaded when they are first used, so that `import cotrain` stays light.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cotrain import balancing, cotraining, errors, gradients, networks, tasks
    from cotrain.cotraining import CoTraining
    from cotrain.data import Split
    from cotrain.gradients import Balance
    from cotrain.learner import Learner
    from cotrain.training import Training

__version__ = "0.1.0"

#: Public name -> the module that holds it; a module that ends in the name itself is a family.
_HOMES = {
    "Balance": "cotrain.gradients",
    "CoTraining": "cotrain.cotraining",
    "Learner": "cotrain.learner",
    "Split": "cotrain.data",
    "Training": "cotrain.training",
    "balancing": "cotrain.balancing",
    "cotraining": "cotrain.cotraining",
    "errors": "cotrain.errors",
    "gradients": "cotrain.gradients",
    "networks": "cotrain.networks",
    "tasks": "cotrain.tasks",
}

__all__ = [
    "Balance",
    "CoTraining",
    "Learner",
    "Split",
    "Training",
    "__version__",
    "balancing",
    "cotraining",
    "errors",
    "gradients",
    "networks",
    "tasks",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cotrain' has no attribute {name!r}")
    home = _HOMES[name]
    module = importlib.import_module(home)
    value = module if home == f"cotrain.{name}" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
