"""What must be on a disk: what is written bit by bit, or read again and again."""

from pathlib import Path

import typer

from carcinomap.errors import InputError
from carcinomap.storage import as_path, is_remote


def on_disk(path: Path | None) -> Path | None:
    """Refuse an address, which as a path would be a folder ``s3:``; a callback of options.

    Raises:
        typer.BadParameter: It is an address.
    """
    try:
        elsewhere = path is not None and is_remote(as_path(path))
    except InputError as error:
        raise typer.BadParameter(str(error)) from error
    if elsewhere:
        raise typer.BadParameter("an address; this must be a place on a disk")
    return path
