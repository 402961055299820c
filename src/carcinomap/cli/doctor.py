"""``carcinomap doctor``."""

import io
import sys
from typing import TYPE_CHECKING

import typer
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from carcinomap.cli.command import Outcome, command

if TYPE_CHECKING:
    from carcinomap.doctor import Line, Report

_STYLES = {"ok": "green", "note": "yellow", "absent": "dim", "broken": "bold red"}


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
    """Return the report as a table, and what it comes to."""
    table = Table(show_header=False, box=None)
    table.add_column(overflow="fold", max_width=24)
    table.add_column()
    table.add_column(overflow="fold")
    for title, lines in report.sections.items():
        table.add_row(Text(title, style="bold"))
        for line in lines:
            state = Text(line.state, style=_STYLES[line.state])
            table.add_row(Text(f"  {line.name}"), state, _told(line))
    return Group(table, _verdict(report))


def _told(line: "Line") -> Text:
    told = Text(line.said)
    if line.advice:
        told.append(f"\n-> {line.advice}", style="cyan")
    return told


def _verdict(report: "Report") -> Text:
    broken = ", ".join(line.name for line in report.of("broken"))
    if broken:
        return Text(f"mend from the top, others may come of the first: {broken}", style="red")
    return Text("everything that is needed is here and works", style="green")
