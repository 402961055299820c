"""``carcinomap doctor``."""

import io
import sys
from typing import TYPE_CHECKING

import typer
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from carcinomap.cli.command import Outcome, command

if TYPE_CHECKING:
    from carcinomap.doctor import Line, Report

_STYLES = {"ok": "green", "note": "yellow", "absent": "dim", "broken": "bold red"}
NAME_WIDTH, STATE_WIDTH = 24, 6


def doctor() -> Outcome:
    """Show what this machine has, what is missing and how to get it.

    Example: `carcinomap doctor`

    Every library is really tried, each in a process of its own. Leaves with exit code 1 where
    something that is needed is missing or does not work.
    """
    from carcinomap.doctor import examine  # noqa: PLC0415

    if isinstance(sys.stdout, io.TextIOWrapper):
        # It has to speak on terminals that cannot show everything, too.
        sys.stdout.reconfigure(errors="replace")
    report = examine()
    return Outcome(report.to_dict(), _text(report), failed=not report.healthy)


def alone(arguments: list[str]) -> None:
    """Run this command without the others, which need libraries that may be broken.

    Args:
        arguments: Of the command line, after the command's name.
    """
    app = typer.Typer(
        add_completion=False,
        rich_markup_mode="markdown",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    command(app)(doctor)
    app(arguments, prog_name="carcinomap doctor")


def _text(report: "Report") -> RenderableType:
    """Return what was found, section by section, and what it comes to."""
    parts: list[RenderableType] = []
    for title, lines in report.sections.items():
        parts.append(Text(title, style="bold"))
        for line in lines:
            parts.append(_found(line))
            if line.advice:  # across the whole width, since commands are copied
                parts.append(Padding(Text(f"-> {line.advice}", style="cyan"), (0, 0, 0, 4)))
    return Group(*parts, _verdict(report))


def _found(line: "Line") -> Table:
    table = Table.grid(padding=(0, 1))
    table.add_column(width=NAME_WIDTH, overflow="fold")
    table.add_column(width=STATE_WIDTH)
    table.add_column(overflow="fold")
    table.add_row(
        Text(f"  {line.name}"), Text(line.state, style=_STYLES[line.state]), Text(line.said)
    )
    return table


def _verdict(report: "Report") -> Text:
    broken = ", ".join(line.name for line in report.of("broken"))
    if broken:
        return Text(f"mend from the top, others may come of the first: {broken}", style="red")
    return Text("everything that is needed is here and works", style="green")
