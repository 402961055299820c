"""The command ``carcinomap``."""

import sys
from typing import Annotated

import typer

from carcinomap.cli import (
    check,
    compare,
    convert,
    demo,
    doctor,
    evaluate,
    export,
    inspect,
    segment,
    tiles,
    train,
)
from carcinomap.cli.command import command
from carcinomap.version import __version__

app = typer.Typer(
    name="carcinomap",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

COMMANDS = (
    *(check.check, tiles.tiles, train.train, segment.segment, evaluate.evaluate),
    *(compare.compare, inspect.inspect, convert.convert, export.export, demo.demo),
    doctor.doctor,
)

for function in COMMANDS:
    command(app)(function)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"carcinomap {__version__}\n")
        raise typer.Exit


@app.callback()
def carcinomap(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Map cancer in histopathology whole-slide images.

    Outline regions on a few slides, **train** a model from them, **segment** new slides with it,
    **evaluate** the maps against outlines. Try it all with `carcinomap demo --output demo/`.
    """
