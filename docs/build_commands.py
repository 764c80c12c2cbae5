"""Write the options of every command into the page on the command line, whenever the site is built."""

from __future__ import annotations

import re
from typing import Any

import click
from typer.main import get_command

from cotrain.cli._app import app

MARK = "<!-- commands -->"


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Put the commands where the page has its mark."""
    return markdown.replace(MARK, commands()) if MARK in markdown else markdown


def commands() -> str:
    """Return a section for each command: what it does, its arguments and its options."""
    group = get_command(app)
    context = click.Context(group, info_name="cotrain")
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return "\n\n".join(section(name, command) for name, command in found.items())


def section(name: str, command: click.Command) -> str:
    """Return the section of one command."""
    wanted = [argument(p) for p in command.params if p.param_type_name == "argument"]
    lines = [
        f"## {name}",
        "",
        f"`cotrain {' '.join([name, *wanted, '[options]'])}`",
        "",
        _prose(command.help or ""),
        "",
    ]
    rows = []
    for parameter in command.params:
        names = ", ".join(f"`{one}`" for one in (*parameter.opts, *parameter.secondary_opts))
        if parameter.param_type_name == "argument":
            names = f"`{argument(parameter)}`"
        text = _prose(getattr(parameter, "help", "") or "").replace("|", "\\|")
        default = parameter.default
        if isinstance(default, str | int | float) and not isinstance(default, bool):
            text += f" Default: `{default}`."
        rows.append(f"| {names} | {text} |")
    table = ["| argument or option | what it is |", "|---|---|", *rows] if rows else []
    return "\n".join([*lines, *table])


def argument(parameter: click.Parameter) -> str:
    """Return what an argument is called in the usage."""
    return (parameter.name or "").upper() + ("..." if parameter.nargs == -1 else "")


def _prose(text: str) -> str:
    """Return help as Markdown: examples in code, the marks of the terminal gone."""
    text = re.sub(r"\[bold\](.*?)\[/bold\]", r"**\1**", text)
    text = re.sub(r"\n(cotrain .*)", r"\n`\1`", text)
    return re.sub(r"(\*\*Example:\*\*)\s+(cotrain .*)", r"\1 `\2`", text)
