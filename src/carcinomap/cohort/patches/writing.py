"""Cut the slides of a cohort into tiles, one slide after the other."""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from carcinomap.annotation import AnnotationSet, ClassScheme, check_labels
from carcinomap.cohort.case import Case, Cohort
from carcinomap.cohort.patches.classes import write_classes
from carcinomap.cohort.patches.cutting import cut_slide
from carcinomap.cohort.patches.folder import PatchFolder
from carcinomap.cohort.patches.settings import TileSettings
from carcinomap.cohort.patches.table import write_table
from carcinomap.cohort.patches.tile import Tile
from carcinomap.errors import InputError
from carcinomap.progress import progress
from carcinomap.storage import AnyPath

_THREADS = 8
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT)


@dataclass(frozen=True)
class WrittenTiles:
    """What was written.

    Attributes:
        folder: Where.
        tiles: How many tiles each slide has, those of before included.
        failures: The slides that could not be cut, with what is wrong.
        notes: What a user should know.
    """

    folder: Path
    tiles: dict[str, int]
    failures: tuple[tuple[AnyPath, Exception], ...]
    notes: tuple[str, ...]


def write_tiles(
    cohort: Cohort,
    output: str | Path,
    settings: TileSettings | None = None,
    scheme: ClassScheme | None = None,
    threads: int | None = None,
    overwrite: bool = False,
) -> WrittenTiles:
    """Write image and label tiles of every annotated slide, and a table of them.

    What is finished is kept: the same call again does the rest, and all of a slide that has
    changed or whose annotation has. ``docs/tiles.md`` describes the folder.

    Args:
        cohort: The slides.
        output: The folder to write.
        settings: The defaults where None.
        scheme: The classes; the cohort's own where None, and BACH's four where it has none.
        threads: Tiles that are cut at once; None takes the processors, up to 8.
        overwrite: Throw away what was written there before.

    Raises:
        InputError: No slide is annotated, a label is in no class, the folder lies among the
            slides, or it holds something else: see ``PatchFolder.check``.
    """
    settings = settings or TileSettings()
    scheme = scheme or cohort.scheme or ClassScheme.default()
    cases = [case for case in cohort.cases if case.annotation is not None]
    if not cases:
        raise InputError(f"{cohort.source}: none of the slides has an annotation to take labels of")
    folder = PatchFolder(Path(output))
    _check_place(cohort.source, folder.path)
    record = {
        **settings.model_dump(mode="json"),
        "even_odd_holes": any(case.even_odd_holes for case in cases),
        "classes": scheme.to_dict(),
    }
    folder.check(record, {case.name for case in cases}, overwrite)
    _check_labels(cases, scheme)
    folder.begin(record, overwrite)
    write_classes(folder, scheme)
    failures: list[tuple[AnyPath, Exception]] = []
    done = list(_cut_all(cases, folder, settings, scheme, threads, failures))
    write_table(folder.table, done, scheme, settings)
    counts = {case.name: len(tiles) for case, tiles in done}
    return WrittenTiles(folder.path, counts, tuple(failures), tuple(_notes(cohort, cases)))


def _check_place(source: AnyPath, output: Path) -> None:
    """Raise InputError where the tiles would later be taken for slides of the cohort."""
    if not isinstance(source, Path):
        return
    if source.is_dir() and output.resolve().is_relative_to(source.resolve()):
        raise InputError(f"{output}: lies among the slides; choose another --output")


def _check_labels(cases: list[Case], scheme: ClassScheme) -> None:
    """Raise InputError where a label is in no class: other classes would make other tiles."""
    outlined: list[AnnotationSet] = []
    with progress("reading outlines", len(cases), "slides") as advance:
        for case in cases:
            with suppress(InputError):  # is told when the slide's turn comes
                annotations = case.read_annotations()
                if isinstance(annotations, AnnotationSet):
                    outlined.append(annotations)
            advance()
    check_labels(outlined, scheme)


def _cut_all(
    cases: list[Case],
    folder: PatchFolder,
    settings: TileSettings,
    scheme: ClassScheme,
    threads: int | None,
    failures: list[tuple[AnyPath, Exception]],
) -> Iterator[tuple[Case, tuple[Tile, ...]]]:
    """Yield the slides with their tiles; gather what is wrong with others."""
    threads = threads or min(_THREADS, os.cpu_count() or 1)
    with progress("cutting", len(cases), "slides") as advance:
        for case in cases:
            try:
                tiles = cut_slide(case, folder, settings, scheme, threads, advance)
            except Exception as error:  # told at the end, with the name of the slide
                if isinstance(error, OSError) and error.errno in _DISK_FULL:
                    raise
                failures.append((case.slide, error))
            else:
                yield case, tiles
            advance()


def _notes(cohort: Cohort, cases: list[Case]) -> Iterator[str]:
    yield from cohort.notes
    left_out = len(cohort.cases) - len(cases)
    if left_out:
        yield f"no tiles of {left_out} slides without annotation: of what class they are is unknown"
