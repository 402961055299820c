"""Write all that a folder of maps says of itself, at the end of a run."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from carcinomap.errors import CarcinomapError
from carcinomap.segmentation.folder import failures, gallery, manifest, summary
from carcinomap.segmentation.folder.failures import newer
from carcinomap.segmentation.folder.manifest import Run, SlideRun
from carcinomap.segmentation.results.elsewhere import mirrored, small_files
from carcinomap.segmentation.results.outputs import RECORD
from carcinomap.storage import AnyPath, is_remote

LOOKS = 3
"""At most so often the table is made anew where others change the folder meanwhile: of parts that
end at the same time the one that writes last has then seen the maps of all."""


def sum_up(output: AnyPath, run: Run, part: str, overwrite: bool) -> tuple[str, ...]:
    """Write the run's record and its failures, and the table and the page of all maps there.

    Nothing is lost with them: the maps are there, and the next run writes all anew. There is no
    page on remote storage, where the pictures are not looked at.

    Args:
        output: The folder of the maps.
        run: The run that ends.
        part: What tells its own files from those of other parts of the work; often empty.
        overwrite: Replace files of these names that carcinomap did not write.

    Returns:
        What could not be written, and why.
    """
    if isinstance(output, Path) and not output.is_dir() and _told_by_its_error(run, part):
        return ()
    remote = is_remote(output)
    notes: tuple[str, ...] = ()
    try:
        for _ in range(LOOKS):
            with mirrored(output) as folder:
                notes = _write_all(folder, run, part, overwrite, not remote)
                seen = {path.name for path in folder.iterdir()}
            if not remote or {path.name for path in small_files(output)} <= seen:
                break
        return notes
    except (CarcinomapError, OSError) as error:
        return (f"{output}: could not be summed up ({error})",)


def _write_all(
    folder: Path, run: Run, part: str, overwrite: bool, with_page: bool
) -> tuple[str, ...]:
    notes: list[str] = []
    run = replace(run, slides=[_as_it_is(one, folder, run.begun) for one in run.slides])

    def put(name: str, start: bytes, write: Callable[[Path], None]) -> None:
        path = folder / name
        try:
            if overwrite or _begins(path, start):
                write(path)
            else:
                notes.append(f"{path}: left as it is, since carcinomap did not write it")
        except OSError as error:
            notes.append(f"{path}: could not be written ({error.strerror or error})")

    if not _told_by_its_error(run, part):
        record, table = f"{manifest.NAME}{part}.json", f"{failures.NAME}{part}.csv"
        put(record, manifest.START, lambda path: manifest.write_manifest(run, path))
        put(table, failures.START, lambda path: failures.write_failures(run.slides, path))
    for _ in range(LOOKS):
        said = len(notes)
        try:
            seen = _changes(folder)
            found = summary.summarise(folder, run.slides)
        except OSError as error:
            return (*notes, f"{folder}: could not be summed up ({error.strerror or error})")
        if found.maps:
            put(summary.SUMMARY, summary.START, partial(summary.write_summary, found))
        if found.maps and with_page:
            put(gallery.GALLERY, gallery.START, partial(gallery.write_gallery, found))
        if len(notes) > said or _changes(folder) == seen:
            break
    return tuple(notes)


def _as_it_is(one: SlideRun, folder: Path, begun: datetime) -> SlideRun:
    """Return what became of a slide, which failed here when another process was mapping it."""
    if one.status == "failed" and newer(folder / f"{one.name}{RECORD}", begun.timestamp()):
        return replace(one, status="was there", reason=None)
    return one


def _changes(folder: Path) -> dict[str, int]:
    """Return when each of the files changed that a table of all maps is made of."""
    found = {}
    for kind in (f"*{RECORD}", f"{failures.NAME}*.csv"):
        for path in folder.glob(kind):
            with suppress(FileNotFoundError):  # it was there a moment ago
                found[path.name] = path.stat().st_mtime_ns
    return found


def _told_by_its_error(run: Run, part: str) -> bool:
    """Say whether all of a run is one slide that failed, of which no record is needed."""
    return not part and [one.status for one in run.slides] == ["failed"]


def _begins(path: Path, start: bytes) -> bool:
    """Say whether a file begins as ours do, or is not there yet."""
    if not path.exists():
        return True
    with path.open("rb") as file:
        return file.read(len(start)) == start
