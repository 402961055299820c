"""``carcinomap segment``."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.console import Group
from rich.table import Column, Table
from rich.text import Text

from carcinomap.cli.command import Common, Outcome
from carcinomap.cli.work_options import backend_of, fields_at_once, threads_each
from carcinomap.segmentation import Estimates, Segmentation, Segmentations, SegmentationSettings
from carcinomap.segmentation.asked import SlideList
from carcinomap.segmentation.dry_run import HEADINGS, describe
from carcinomap.storage import AnyPath, as_path, is_remote
from carcinomap.work import Backend, Shard, WorkSettings

Failures = Sequence[tuple[AnyPath, Exception]]

SHOWN = 40
"""Slides that are told of one by one; the tables in the folder have all."""


def segment(
    slides: Annotated[
        list[str],
        typer.Argument(
            help="Slides, folders of slides, patterns, CSV tables with a column 'slide', "
            "or '-' for a list on standard input."
        ),
    ],
    model: Annotated[
        list[str],
        typer.Option(
            "--model", "-m", help="Model file, or folder of a run; several models are averaged."
        ),
    ],
    output: Annotated[
        str, typer.Option("--output", "-o", help="Folder for the maps, also s3://BUCKET/FOLDER.")
    ],
    settings: SegmentationSettings,
    work: WorkSettings,
    common: Common,
    roi: Annotated[
        str | None,
        typer.Option(help="Annotation file, or folder of them: map only inside its regions."),
    ] = None,
    mpp: Annotated[
        float | None, typer.Option(help="Microns per level-0 pixel; overrides what slides say.")
    ] = None,
    device: Annotated[str, typer.Option(help="'auto', 'cpu', 'cuda' or 'cuda:1'.")] = "auto",
    shard: Annotated[
        str | None,
        typer.Option(help="Only every Nth slide from the Ith on, written I/N: '3/8' of an array."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what it takes: time, memory, disk.")
    ] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace existing maps.")] = False,
) -> Outcome:
    """Map slides with a trained model.

    Example: `carcinomap segment new.svs --model runs/first/model.safetensors --output maps/`

    Writes for each slide NAME.ome.tif (class map), NAME.geojson (outlines for QuPath), NAME.png
    (picture) and NAME.json (areas), and of all maps in the folder summary.csv (a row a slide) and
    index.html (a page to look through); of this run run.json, and failures.csv where slides failed.
    Slides that are done already are passed over, and a slide that was stopped halfway goes on where
    it was.
    """
    from carcinomap.segmentation import estimate_slides  # noqa: PLC0415
    from carcinomap.segmentation import segment as segment_slides  # noqa: PLC0415

    part = None if shard is None else Shard.parse(shard)
    asked = SlideList.of(slides, mpp)
    options: dict[str, Any] = {"roi": roi, "mpp": mpp, "device": device, "shard": part}
    if dry_run:
        threads = common.workers
        return _estimated(estimate_slides(asked, model, settings, threads=threads, **options))
    backend = _backend(asked.part(part), work, common.workers, device, as_path(output))
    options["threads"] = threads_each(backend, common.workers)
    try:
        result = segment_slides(
            asked, model, output, settings, overwrite=overwrite, backend=backend, **options
        )
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            f"what is finished waits in {output}; the same command goes on"
        ) from stop
    return _mapped(result, as_path(output))


def _backend(
    asked: SlideList, work: WorkSettings, threads: int | None, device: str, output: AnyPath
) -> Backend | None:
    """Return where the slides are mapped: one after the other, or several fields at once."""
    files = [one.path for one in asked.slides]
    at_once = 1 if threads else fields_at_once(files)
    on_gpus = device in ("auto", "cuda")
    return backend_of(work, threads, len(files), output=output, uses_gpus=on_gpus, at_once=at_once)


def _mapped(result: Segmentations, folder: AnyPath) -> Outcome:
    from carcinomap.segmentation.folder.summary import NO_TISSUE  # noqa: PLC0415

    _raise_if_only(result.failures, result.done)

    def data() -> dict[str, Any]:
        records = [dict(one.record) for one in result.done]  # a file each
        return {"done": records, "failures": _told(result.failures)}

    page = "" if result.notes or is_remote(folder) else f", shown by {folder / 'index.html'}"
    done = Text(f"{len(result.done)} done, in {folder}{page}" if result.done else "none done")
    text = Group(_table(result.done), done, *_lines(result.failures))
    notes = (*result.notes, *(f"{name}: {NO_TISSUE}" for name in result.bare[:SHOWN]))
    return Outcome(data, text, failed=bool(result.failures), notes=notes)


def _estimated(result: Estimates) -> Outcome:
    _raise_if_only(result.failures, result.slides)
    data = {
        "slides": [one.to_dict() for one in result.slides],
        "failures": _told(result.failures),
    }
    table = _slide_table(*HEADINGS[1:])
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
    lines = [Text(f"{path.name}: {error}", style="red") for path, error in failures[:SHOWN]]
    if len(failures) > SHOWN:
        lines.append(Text(f"and {len(failures) - SHOWN} more failed, see failures.csv", "red"))
    return lines


def _table(done: tuple[Segmentation, ...]) -> Table:
    """Return a line for each slide: tissue and the area of every class in mm²."""
    names = list(done[0].record["classes"]) if done else []
    table = _slide_table("tissue mm²", *names)
    for one in done[:SHOWN]:
        record = one.record
        areas = [f"{record['classes'][name]['area_mm2']:.3f}" for name in names]
        name = f"{one.name}{' (was there)' if one.skipped else ''}"
        table.add_row(name, f"{record['tissue_mm2']:.3f}", *areas)
    if len(done) > SHOWN:
        table.caption = f"and {len(done) - SHOWN} more, see summary.csv"
    return table


def _slide_table(*numbers: str) -> Table:
    """Return a table of slides; a long name goes on in the next line."""
    table = Table(Column("slide", overflow="fold"))
    for title in numbers:
        table.add_column(title, justify="right")
    return table
