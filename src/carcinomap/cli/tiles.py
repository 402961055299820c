"""``carcinomap tiles``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.text import Text

from carcinomap.cli.annotation_options import (
    AnnotationsOption,
    CohortArgument,
    EvenOddHolesOption,
    RoiOption,
    with_roi,
)
from carcinomap.cli.classes import ClassesOption, read_classes
from carcinomap.cli.command import Common, Outcome
from carcinomap.cli.on_disk import on_disk
from carcinomap.cli.work_options import backend_of, slides_at_once, threads_each
from carcinomap.cohort import TileSettings
from carcinomap.errors import InputError
from carcinomap.work import Backend, WorkSettings

if TYPE_CHECKING:
    from carcinomap.annotation import ClassScheme
    from carcinomap.cohort import Cohort, WrittenTiles

FEWEST = 8
"""Slides from which on processes save more than the second or two they take to start: the threads
of one process share the work on a slide, but for its outlines."""


def tiles(
    cohort: CohortArgument,
    settings: TileSettings,
    work: WorkSettings,
    common: Common,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", callback=on_disk, help="Folder for the tiles."),
    ] = None,
    preview: Annotated[
        Path | None,
        typer.Option(
            callback=on_disk,
            help="Picture of patches at --mpp, as they are and as training varies them.",
        ),
    ] = None,
    classes: ClassesOption = None,
    annotations: AnnotationsOption = None,
    roi: RoiOption = None,
    even_odd_holes: EvenOddHolesOption = False,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace the tiles of an earlier run.")
    ] = False,
) -> Outcome:
    """Cut annotated slides into image and label tiles, for other tools or for `train`.

    Example: `carcinomap tiles SLIDES/ --size 2000 --mpp 0.5 --output dataset/`

    Writes dataset/train_feature/ (images), dataset/train_label/ (class indices; 255 is ignored),
    tiles.csv (where each came from), classes.yaml and palette.csv. What is finished is kept: the
    same command goes on.

    Only to look at patches: `carcinomap tiles SLIDES/ --mpp 1 --preview sheet.png`
    """
    from carcinomap.cohort import read_cohort, write_tiles  # noqa: PLC0415

    if output is None and preview is None:
        raise InputError("say with --output where to write tiles, or with --preview a picture")
    found = read_cohort(cohort, annotations, even_odd_holes)
    scheme = with_roi(read_classes(classes) or found.scheme, roi)
    notes = found.notes
    if preview is not None:
        notes = _write_preview(preview, found, scheme, settings.mpp, common.seed)
    if output is None:
        return Outcome({"preview": str(preview)}, Text(str(preview)), notes=notes)
    backend, threads = _hands(found, work, common.workers, output)
    try:
        result = write_tiles(found, output, settings, scheme, threads, overwrite, backend)
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(
            f"what is finished waits in {output}; the same command goes on"
        ) from stop
    if result.failures and not result.tiles:
        raise InputError("\n".join(_failures(result)))
    return _outcome(result, preview)


def _hands(
    cohort: "Cohort", work: WorkSettings, workers: int | None, output: Path
) -> tuple[Backend | None, int | None]:
    """Return what cuts the slides, and the threads it has for each of them."""
    annotated = sum(case.annotation is not None for case in cohort.cases)
    threads = workers or (None if work.cluster is None else 1)  # so that as many fit as can
    at_once = slides_at_once(None)
    backend = backend_of(work, threads, annotated, output=output, at_once=at_once, fewest=FEWEST)
    return backend, threads_each(backend, threads)


def _write_preview(
    path: Path, cohort: "Cohort", scheme: "ClassScheme | None", mpp: float, seed: int
) -> tuple[str, ...]:
    """Write the picture; return what a user should know of the cohort."""
    from carcinomap.annotation import ClassScheme  # noqa: PLC0415
    from carcinomap.training import TrainingSettings  # noqa: PLC0415
    from carcinomap.training.preview import check_name, contact_sheet, write  # noqa: PLC0415

    check_name(path)
    settings = TrainingSettings(mpp=mpp, seed=seed)
    sheet, notes = contact_sheet(cohort, scheme or ClassScheme.default(), settings)
    write(sheet, path)
    return notes


def _outcome(result: "WrittenTiles", preview: Path | None) -> Outcome:
    count = sum(result.tiles.values())
    data = {
        "preview": None if preview is None else str(preview),
        "folder": str(result.folder),
        "tiles": count,
        "slides": result.tiles,
        "failures": {str(path): str(error) for path, error in result.failures},
    }
    done = Text(f"{count:,} tiles of {len(result.tiles)} slides, in {result.folder}")
    failures = [Text(line, style="red") for line in _failures(result)]
    return Outcome(data, Group(done, *failures), bool(result.failures), result.notes)


def _failures(result: "WrittenTiles") -> list[str]:
    return [f"{path.name}: {error}" for path, error in result.failures]
