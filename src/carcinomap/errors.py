"""Errors for people: what was wrong, in which file, what to do.

The command line prints them without a traceback and leaves with their exit code.
"""

from pathlib import Path


class CarcinomapError(Exception):
    """Something failed that a user can understand and mend; exit code 1."""

    exit_code = 1


class InputError(CarcinomapError):
    """Wrong usage or an input that cannot be used; exit code 2."""

    exit_code = 2


def existing_file(path: str | Path, what: str) -> Path:
    """Return ``path`` if it is a file.

    Args:
        path: Where the file should be.
        what: What the user thinks of it as, such as ``"slide"``.

    Raises:
        InputError: There is no such file, or it is a folder.
    """
    path = Path(path)
    if path.is_dir():
        raise InputError(f"{path}: a folder, where a {what} file was expected")
    if not path.is_file():
        raise InputError(f"{path}: no such {what}")
    return path
