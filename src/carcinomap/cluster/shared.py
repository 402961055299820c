"""A mark in a folder, by which other machines find out whether they see what is written there."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

PREFIX = ".carcinomap-shared-"


@contextmanager
def marked(folder: Path | None) -> Iterator[str]:
    """Have a file in a folder, or in the nearest one above it that is there, inside the block.

    A machine that only has a folder of the same name would keep its results to itself.

    Args:
        folder: Where results will be written; None where that is no matter of folders.

    Yields:
        The path of the mark; an empty one where there is none, or none can be written.
    """
    mark = "" if folder is None else _left_in(folder.absolute())
    try:
        yield mark
    finally:
        if mark:
            with suppress(OSError):
                Path(mark).unlink()


def _left_in(folder: Path) -> str:
    there = next(path for path in (folder, *folder.parents) if path.is_dir())
    try:
        with tempfile.NamedTemporaryFile(prefix=PREFIX, dir=there, delete=False) as file:
            return file.name
    except OSError:  # the tasks will fail to write there too, and say why
        return ""
