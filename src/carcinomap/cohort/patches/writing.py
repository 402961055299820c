"""Cut the slides of a cohort into tiles, each a task of its own."""

import errno
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from carcinomap.annotation import AnnotationSet, ClassScheme, check_labels
from carcinomap.cohort.case import Case, Cohort
from carcinomap.cohort.patches.classes import write_classes
from carcinomap.cohort.patches.cutting import cut_slide
from carcinomap.cohort.patches.folder import PatchFolder
from carcinomap.cohort.patches.journal import read_journal
from carcinomap.cohort.patches.settings import TileSettings
from carcinomap.cohort.patches.table import write_table
from carcinomap.cohort.patches.tile import Tile
from carcinomap.errors import InputError
from carcinomap.storage import AnyPath
from carcinomap.work import Backend, Outcome, Task, run

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
    backend: Backend | None = None,
) -> WrittenTiles:
    """Write image and label tiles of every annotated slide, and a table of them.

    What is finished is kept: the same call again does the rest, and all of a slide that has
    changed or whose annotation has. ``docs/tiles.md`` describes the folder.

    Args:
        cohort: The slides.
        output: The folder to write.
        settings: The defaults where None.
        scheme: The classes; the cohort's own where None, and BACH's four where it has none.
        threads: Tiles of a slide that are cut at once; None takes the processors, up to 8.
        overwrite: Throw away what was written there before.
        backend: What cuts the slides; this process, one after the other, where None.

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
    _check_labels(cases, scheme, backend)
    folder.begin(record, overwrite)
    write_classes(folder, scheme)
    tasks = [
        Task(case.name, cut_slide, (case, folder, settings, scheme, threads), case.files)
        for case in cases
    ]
    with closing(run(tasks, backend, "cutting")) as outcomes:
        counts, failures = _sorted_out(cases, outcomes)
    # Of two thousand slides the tiles are too many to hold: each slide's journal has them.
    done = ((case, _tiles_of(case, folder)) for case in cases if case.name in counts)
    write_table(folder.table, done, scheme, settings)
    return WrittenTiles(folder.path, counts, failures, tuple(_notes(cohort, cases)))


def _check_place(source: AnyPath, output: Path) -> None:
    """Raise InputError where the tiles would later be taken for slides of the cohort."""
    if not isinstance(source, Path):
        return
    if source.is_dir() and output.resolve().is_relative_to(source.resolve()):
        raise InputError(f"{output}: lies among the slides; choose another --output")


def _check_labels(cases: Sequence[Case], scheme: ClassScheme, backend: Backend | None) -> None:
    """Raise InputError where a label is in no class: other classes would make other tiles."""
    tasks = [Task(case.name, _labels_of, (case,), case.files) for case in cases]
    outcomes = sorted(run(tasks, backend, "reading outlines"), key=lambda one: one.index)
    # What cannot be read is told when the slide's turn comes.
    read = [(cases[one.index].annotation, one.result) for one in outcomes if one.error is None]
    check_labels(read, scheme)


def _labels_of(case: Case) -> Mapping[str, int]:
    """Return the labels of a slide's outlines; a label image has none."""
    annotations = case.read_annotations()
    return annotations.labels() if isinstance(annotations, AnnotationSet) else {}


def _sorted_out(
    cases: Sequence[Case], outcomes: Iterable[Outcome]
) -> tuple[dict[str, int], tuple[tuple[AnyPath, Exception], ...]]:
    """Return how many tiles slides have, and what is wrong with others, in the cases' order.

    Raises:
        OSError: The disk is full: all others would fail, too.
    """
    ended: dict[int, Outcome] = {}
    for outcome in outcomes:
        if isinstance(outcome.error, OSError) and outcome.error.errno in _DISK_FULL:
            raise outcome.error
        ended[outcome.index] = outcome
    counts: dict[str, int] = {}
    failures: list[tuple[AnyPath, Exception]] = []
    for index, case in enumerate(cases):
        error = ended[index].error
        if error is None:
            counts[case.name] = ended[index].result
        else:
            failures.append((case.slide, error))
    return counts, tuple(failures)


def _tiles_of(case: Case, folder: PatchFolder) -> tuple[Tile, ...]:
    return read_journal(folder.journal(case.name)).tiles


def _notes(cohort: Cohort, cases: list[Case]) -> Iterator[str]:
    yield from cohort.notes
    left_out = len(cohort.cases) - len(cases)
    if left_out:
        yield f"no tiles of {left_out} slides without annotation: of what class they are is unknown"
