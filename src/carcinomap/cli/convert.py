"""``carcinomap convert``."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.text import Text

from carcinomap.annotation import format_to_write
from carcinomap.cli.annotation_options import EvenOddHolesOption
from carcinomap.cli.classes import ClassesOption, read_classes
from carcinomap.cli.command import Outcome
from carcinomap.cli.on_disk import on_disk
from carcinomap.cohort import Conversion, convert_annotations, files_to_convert
from carcinomap.errors import CarcinomapError
from carcinomap.progress import progress

SHOWN = 10


class Target(StrEnum):
    """The formats that can be written, by what their files' names end in."""

    IMAGESCOPE = "xml"
    ASAP = "asap.xml"
    QUPATH = "geojson"
    DSA = "json"
    PNG = "png"
    TIFF = "tif"


def convert(
    source: Annotated[
        Path, typer.Argument(metavar="IN", help="Annotation file, or a folder of them.")
    ],
    target: Annotated[
        Path,
        typer.Argument(
            metavar="OUT", callback=on_disk, help="File to write; its name says the format."
        ),
    ],
    to: Annotated[
        Target | None,
        typer.Option(help="Format of the new file, where its name does not say it."),
    ] = None,
    slides: Annotated[
        Path | None, typer.Option(help="The slide, or the folder of slides, if it lies apart.")
    ] = None,
    classes: ClassesOption = None,
    mpp: Annotated[
        float | None, typer.Option(help="Microns per pixel of a label image; the slide's own.")
    ] = None,
    even_odd_holes: EvenOddHolesOption = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace what is there.")] = False,
) -> Outcome:
    """Turn annotations into another format.

    Example: `carcinomap convert slide.xml slide.geojson`

    Reads ImageScope, ASAP, QuPath, DSA (HistomicsTK) and NDP.view files and label images, whatever
    their names. Writes ImageScope's (NAME.xml), ASAP's (NAME.asap.xml), QuPath's (NAME.geojson),
    DSA's (NAME.json) and label images (NAME.png, NAME.tif). What a format cannot hold is said.
    """
    suffix = f".{to}" if to else None
    wanted = format_to_write(suffix) if suffix else None
    scheme = read_classes(classes)
    done: list[Conversion] = []
    failures: list[tuple[Path, CarcinomapError]] = []
    files = files_to_convert(source, target, suffix)
    with progress("converting", len(files), "files") as advance:
        for file, written in files:
            try:
                one = convert_annotations(
                    file, written, wanted, slides, scheme, mpp, even_odd_holes, overwrite
                )
                done.append(one)
            except CarcinomapError as error:
                failures.append((file, error))
            advance()
    if failures and len(files) == 1:
        raise failures[0][1]
    data = {
        "done": [one.to_dict() for one in done],
        "failures": {str(file): str(error) for file, error in failures},
    }
    lines = [Text(str(error), style="red") for _, error in failures]
    return Outcome(data, Group(*map(_said, done), *lines), failed=bool(failures))


def _said(one: Conversion) -> Text:
    """Tell in a few lines what was converted, and what not."""
    regions = sum(one.labels.values())
    text = Text(overflow="ignore", no_wrap=True)  # paths stay whole where output is piped
    text.append(f"{one.source} ({one.formats[0]}) → {one.target} ({one.formats[1]}), ")
    text.append(f"regions: {regions:,}")
    for title, lines in (("of the old file", one.left_out), ("in the new file", one.lost)):
        shown = [*lines[:SHOWN], *([f"and {len(lines) - SHOWN} more"] if lines[SHOWN:] else [])]
        for line in shown:
            text.append(f"\n  {title}: {line}", style="yellow")
    return text
