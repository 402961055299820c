"""``carcinomap segment``."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from carcinomap.cli.command import Common, Outcome
from carcinomap.segmentation import Estimates, Segmentation, SegmentationSettings
from carcinomap.segmentation.dry_run import HEADINGS, describe

Failures = Sequence[tuple[Path, Exception]]


def segment(
    slides: Annotated[list[Path], typer.Argument(help="Slides, folders of slides, or patterns.")],
    model: Annotated[
        list[Path],
        typer.Option(
            "--model", "-m", help="Model file, or folder of a run; several models are averaged."
        ),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the maps.")],
    settings: SegmentationSettings,
    common: Common,
    roi: Annotated[
        Path | None,
        typer.Option(help="Annotation file, or folder of them: map only inside its regions."),
    ] = None,
    mpp: Annotated[
        float | None, typer.Option(help="Microns per level-0 pixel; overrides what slides say.")
    ] = None,
    device: Annotated[str, typer.Option(help="'auto', 'cpu', 'cuda' or 'cuda:1'.")] = "auto",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what it takes: time, memory, disk.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing maps.")] = False,
) -> Outcome:
    """Map slides with a trained model.

    Example: `carcinomap segment new.svs --model runs/first/model.safetensors --output maps/`

    Writes for each slide NAME.ome.tif (class map), NAME.geojson (outlines for QuPath), NAME.png
    (picture) and NAME.json (areas), and of all maps in the folder summary.csv (a row a slide) and
    index.html (a page to look through). Slides that are done already are passed over, and a slide
    that was stopped halfway goes on where it was.
    """
    from carcinomap.segmentation import estimate_slides  # noqa: PLC0415
    from carcinomap.segmentation import segment as segment_slides  # noqa: PLC0415

    options: dict[str, Any] = {
        "roi": roi,
        "mpp": mpp,
        "device": device,
        "threads": common.workers,
    }
    if dry_run:
        return _estimated(estimate_slides(slides, model, settings, **options))
    try:
        result = segment_slides(slides, model, output, settings, overwrite=overwrite, **options)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            f"what is finished waits in {output}; the same command goes on"
        ) from stop
    _raise_if_only(result.failures, result.done)
    data = {"done": [dict(one.record) for one in result.done], "failures": _told(result.failures)}
    page = "" if result.notes else f", shown by {output / 'index.html'}"
    done = Text(f"{len(result.done)} done, in {output}{page}" if result.done else "none done")
    text = Group(_table(result.done), done, *_lines(result.failures))
    return Outcome(data, text, failed=bool(result.failures), notes=result.notes)


def _estimated(result: Estimates) -> Outcome:
    _raise_if_only(result.failures, result.slides)
    data = {
        "slides": [one.to_dict() for one in result.slides],
        "failures": _told(result.failures),
    }
    table = Table()
    for title in HEADINGS:
        table.add_column(title, justify="left" if title == "slide" else "right")
    for row in describe(result.slides):
        table.add_row(*row)
    return Outcome(data, Group(table, *_lines(result.failures)), failed=bool(result.failures))


def _raise_if_only(failures: Failures, others: Sequence[object]) -> None:
    """Where all that was asked for is one slide that fails, its error is the command's."""
    if len(failures) == 1 and not others:
        raise failures[0][1]


def _told(failures: Failures) -> dict[str, str]:
    return {str(path): str(error) for path, error in failures}


def _lines(failures: Failures) -> list[Text]:
    return [Text(f"{path.name}: {error}", style="red") for path, error in failures]


def _table(done: tuple[Segmentation, ...]) -> Table:
    """Return a line for each slide: tissue and the area of every class in mm²."""
    names = list(done[0].record["classes"]) if done else []
    table = Table()
    for title in ("slide", "tissue mm²", *names):
        table.add_column(title, justify="left" if title == "slide" else "right")
    for one in done:
        areas = [f"{one.record['classes'][name]['area_mm2']:.3f}" for name in names]
        name = f"{one.name}{' (was there)' if one.skipped else ''}"
        table.add_row(name, f"{one.record['tissue_mm2']:.3f}", *areas)
    return table
