"""Errors that a user can act on: each is one sentence with what came, what was expected and what to do."""

from cotrain._base import (
    ConfigError,
    CotrainError,
    DataError,
    InvalidArgumentError,
    MissingExtraError,
    RunError,
)

__all__ = [
    "ConfigError",
    "CotrainError",
    "DataError",
    "InvalidArgumentError",
    "MissingExtraError",
    "RunError",
]
