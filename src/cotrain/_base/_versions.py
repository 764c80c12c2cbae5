"""What a result was made with."""

from __future__ import annotations

import platform
from importlib import metadata

#: Packages that figures depend on.
PACKAGES = ("cotrain", "torch", "numpy", "polars", "scikit-learn")


def versions(*more: str) -> dict[str, str]:
    """Return the versions of Python and of the packages that figures depend on.

    Args:
        *more: packages beyond those that figures always depend on, which are installed.

    Example:
        >>> list(versions())
        ['python', 'cotrain', 'torch', 'numpy', 'polars', 'scikit-learn']
    """
    return {"python": platform.python_version()} | {
        name: metadata.version(name) for name in (*PACKAGES, *more)
    }
