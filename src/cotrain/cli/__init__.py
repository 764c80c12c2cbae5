"""The command line, one file per command.

Nothing heavy is imported before a command runs, so that `cotrain --help` answers at once.
"""

from cotrain.cli._app import app, main

__all__ = ["app", "main"]
