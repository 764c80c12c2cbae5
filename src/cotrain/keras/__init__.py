"""The balancing methods inside `keras.Model` (Keras 3 on its TensorFlow backend; extra `keras`).

`MultiTaskModel` is a functional `keras.Model` whose train step balances its tasks; it compiles, fits, saves
and loads as any other. `balance` puts one around an existing functional model. Balancing needs no PyTorch;
`table_data`, which reads tables, does, and is imported when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from cotrain.keras._backend import check_backend

check_backend()

# The sentence about a missing extra comes first.
from cotrain._base import require_extra  # noqa: E402
from cotrain.keras._balance import balance  # noqa: E402
from cotrain.keras._elementwise_loss import Entrywise  # noqa: E402
from cotrain.keras._model import MultiTaskModel  # noqa: E402
from cotrain.keras._soft_sharing import SoftSharingLayer  # noqa: E402

if TYPE_CHECKING:
    from cotrain.keras._tables import TableData, table_data

_OF_TABLES = ("TableData", "table_data")

__all__ = ["Entrywise", "MultiTaskModel", "SoftSharingLayer", "TableData", "balance", "table_data"]


def __getattr__(name: str) -> Any:
    if name not in _OF_TABLES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require_extra("torch", "", f"cotrain.keras.{name}")
    return getattr(importlib.import_module("cotrain.keras._tables"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
