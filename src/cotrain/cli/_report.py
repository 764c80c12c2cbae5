"""`cotrain report`: a run or a comparison as one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cotrain.cli._output import JSON_OPTION


def report(
    folders: Annotated[list[Path], typer.Argument(help="Folders of runs or comparisons.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; default FOLDER/report.html.")
    ] = None,
    rows: Annotated[bool, typer.Option(help="Show some test rows, with what was predicted of them.")] = True,
    as_json: Annotated[bool, JSON_OPTION] = False,
) -> None:
    """Write what a run came to as one HTML file that can be mailed: no script, nothing to load.

    [bold]Example:[/bold]  cotrain report runs/films
    """
    from cotrain._base import ConfigError, write_text_atomically
    from cotrain.cli._output import print_json, status
    from cotrain.reporting import REPORT, report_of_folder

    if output is not None and len(folders) > 1:
        raise ConfigError(
            f"--output {output} names one file for {len(folders)} folders: leave it out, each gets its own."
        )
    written = []
    for folder in folders:
        path = output or folder / REPORT
        write_text_atomically(path, report_of_folder(folder, rows=rows))
        written.append({"folder": str(folder), "output": str(path), "bytes": path.stat().st_size})
        if not as_json:
            status(f"Wrote {path} ({path.stat().st_size / 1024:.0f} KiB).")
    if as_json:
        print_json(written)
