"""The commands put together, and how errors are told."""

from __future__ import annotations

import sys

import typer

from cotrain.cli._analyze import analyze
from cotrain.cli._check import check
from cotrain.cli._compare import compare
from cotrain.cli._complete import complete
from cotrain.cli._demo import demo
from cotrain.cli._errors import sentence_of
from cotrain.cli._evaluate import evaluate
from cotrain.cli._init import init
from cotrain.cli._predict import predict
from cotrain.cli._report import report
from cotrain.cli._train import train
from cotrain.cli._tune import tune

app = typer.Typer(
    name="cotrain",
    help="Train related tasks together: one network for several half-empty target columns, and a verdict.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (init, check, train, evaluate, predict, complete, compare, tune, analyze, report, demo):
    app.command()(command)


def version(value: bool) -> None:
    """Print the version and stop."""
    if value:
        from cotrain import __version__

        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    """Hold the options of the command line as a whole."""


def main() -> None:
    """Run the command line: status 0 if all went well, 2 if the user has something to mend."""
    try:
        status = app(standalone_mode=False)
    except KeyboardInterrupt:
        typer.secho("Interrupted.", fg="yellow", err=True)
        sys.exit(130)
    except BrokenPipeError:
        # Whoever read the output has gone, as `head` does: there is no one left to tell.
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:
        sentence = sentence_of(error)
        if sentence is None:
            raise  # a fault of this library: whoever mends it needs to see where
        typer.secho(f"Error: {sentence}", fg="red", err=True)
        sys.exit(2)
    if isinstance(status, int) and status:
        sys.exit(status)
