"""``carcinomap segment``."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Group
from rich.table import Table
from rich.text import Text

from carcinomap.cli.command import Common, Outcome
from carcinomap.segmentation import Segmentation, SegmentationSettings


def segment(
    slides: Annotated[list[Path], typer.Argument(help="Slides, folders of slides, or patterns.")],
    model: Annotated[Path, typer.Option("--model", "-m", help="Model file, model.safetensors.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for the maps.")],
    settings: SegmentationSettings,
    common: Common,
    mpp: Annotated[
        float | None, typer.Option(help="Microns per level-0 pixel; overrides what slides say.")
    ] = None,
    device: Annotated[str, typer.Option(help="'auto', 'cpu', 'cuda' or 'cuda:1'.")] = "auto",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing maps.")] = False,
) -> Outcome:
    """Map slides with a trained model.

    Example: `carcinomap segment new.svs --model runs/first/model.safetensors --output maps/`

    Writes for each slide NAME.ome.tif (class map), NAME.geojson (outlines for QuPath), NAME.png
    (picture) and NAME.json (areas). Slides that are done already are passed over.
    """
    from carcinomap.segmentation import segment as segment_slides  # noqa: PLC0415

    result = segment_slides(
        slides,
        model,
        output,
        settings,
        mpp=mpp,
        device=device,
        threads=common.workers,
        overwrite=overwrite,
    )
    if result.failures and len(result.failures) + len(result.done) == 1:
        raise result.failures[0][1]
    failures = [f"{path.name}: {error}" for path, error in result.failures]
    data = {
        "done": [dict(one.record) for one in result.done],
        "failures": {str(path): str(error) for path, error in result.failures},
    }
    lines = [Text(line, style="red") for line in failures]
    text = Group(_table(result.done), Text(f"{len(result.done)} done, in {output}"), *lines)
    return Outcome(data, text, failed=bool(failures))


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
