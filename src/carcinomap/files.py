"""Atomic files: a result is written under a temporary name and renamed when it is whole."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


@contextmanager
def atomic_path(final: str | Path) -> Iterator[Path]:
    """Give a temporary path beside ``final`` that becomes ``final`` when the block ends well.

    When the block raises (Ctrl-C included), the temporary file is removed and whatever stood
    under the final name stays as it was.
    """
    final = Path(final)
    final.parent.mkdir(parents=True, exist_ok=True)
    # The suffix is kept: some writers choose their format by it.
    # Numbers of processes are not enough: in containers they all are 1.
    temporary = final.with_name(f".{final.stem}.{secrets.token_hex(4)}.partial{final.suffix}")
    try:
        yield temporary
        os.replace(temporary, final)
    except OSError as error:
        if error.errno is not None and error.filename is None:  # a full disk does not say of what
            error.filename = str(final)
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: str | Path, text: str) -> None:
    """Write UTF-8 text atomically; what of a file's name is no UTF-8 is written as the disk has it.

    ``errors="surrogateescape"`` reads it again.
    """
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="surrogateescape", newline="\n")


def write_json(path: str | Path, value: Any) -> None:
    """Write JSON atomically, indented, in the order of the value's own keys."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(json_bytes(value, indent=2) + b"\n")


def escaped(text: str) -> str:
    """Return a text as UTF-8 can hold it: what of a file's name is no UTF-8 is escaped."""
    return text.encode("utf-8", errors="backslashreplace").decode()


def json_bytes(value: Any, indent: int | None = None) -> bytes:
    """Return JSON in UTF-8; what of a file's name is no UTF-8 is escaped, and is read again so."""
    return escaped(json.dumps(value, indent=indent, ensure_ascii=False)).encode()
