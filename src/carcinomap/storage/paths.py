"""What names a file: a ``Path``, or a ``UPath`` where it is not on a disk of this machine."""

import base64
import os
import re
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import parse_qsl, unquote, urlsplit
from urllib.request import url2pathname

from upath import UPath

from carcinomap.errors import InputError

AnyPath: TypeAlias = Path | UPath

WEB = frozenset(["http", "https"])
PROTOCOLS = WEB | {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "memory"}

# One letter is a Windows drive. pathlib makes one slash of two, which is forgiven.
_START = r"([A-Za-z][A-Za-z0-9+.-]+:/+"
# A password may hold anything, unquoted; but before the colon of a port stands no user.
_USER = re.compile(rf"{_START})(?:[^/]*:(?!\d+(?:/|$)).*|[^/]*)@", re.DOTALL)
_QUERY = re.compile(rf"{_START}[^?]*)\?.*", re.DOTALL)
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/(?P<second>/?)(?P<rest>.*)", re.DOTALL)


def as_path(path: str | os.PathLike[str] | UPath) -> AnyPath:
    """Return what a user calls a file as a path: of an address a ``UPath``, else a ``Path``.

    What an address over HTTP says after ``?``, which may be a signature, and a name and password
    before the host travel with the path, but are not part of its text: messages show that.

    Raises:
        InputError: An address of a kind that is not read, or one with a password where none
            belongs.
    """
    if isinstance(path, Path):
        text = str(path)
    elif isinstance(path, UPath):
        return _known(path)
    else:
        text = os.fspath(path)
    if "::" in text and "://" in text:
        raise InputError(f"{without_secrets(text)}: chained addresses ('::') are not read")
    found = _ADDRESS.fullmatch(text)
    protocol = found[1].lower() if found else ""
    if found is None or not (found["second"] or protocol in PROTOCOLS):
        return Path(path)
    if protocol == "file":
        return Path(url2pathname(urlsplit(text).path))
    if protocol not in PROTOCOLS:
        raise InputError(
            f"{without_secrets(text)}: addresses that begin with {protocol}:// are not read; "
            "s3://, gs://, az://, http:// and https:// are"
        )
    address = f"{protocol}://{found['rest']}"
    return _web(address) if protocol in WEB else _bucket(address)


def is_remote(path: AnyPath) -> bool:
    """Say whether a file is elsewhere, to be read through its storage."""
    return not isinstance(path, Path)


def on_web(path: AnyPath) -> bool:
    """Say whether a file is on the web, where it can be read and nothing else."""
    return not isinstance(path, Path) and path.protocol in WEB


def beside(file: AnyPath, name: str) -> AnyPath:
    """Return what a file calls ``name``: an address, an absolute path, or a place beside itself.

    Raises:
        InputError: An address of a kind that is not read.
    """
    named = as_path(name)
    return named if is_remote(named) else file.parent / name


def _known(path: UPath) -> AnyPath:
    if path.protocol in ("", "file", "local"):
        return Path(path.path)
    if path.protocol not in PROTOCOLS:
        raise InputError(f"{path}: addresses of this kind are not read")
    return path


def _bucket(address: str) -> UPath:
    if without_secrets(address) != address:
        raise InputError(
            f"{without_secrets(address)}: credentials do not belong into an address; give them "
            "by the environment or the configuration of the storage, such as AWS_ACCESS_KEY_ID"
        )
    return UPath(address)


def _web(address: str) -> UPath:
    """Keep what may be secret out of the path's text, in the options of its storage."""
    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
        if not parts.hostname:
            raise ValueError("no host")
        parts.port  # noqa: B018 - raises where it is none
    except ValueError as error:
        raise InputError(f"{without_secrets(address)}: not an address ({error})") from error
    options: dict[str, Any] = {}
    if parts.query:
        options["params"] = parse_qsl(parts.query, keep_blank_values=True)
    if parts.username is not None:
        told = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        options["headers"] = {"Authorization": f"Basic {base64.b64encode(told.encode()).decode()}"}
    found: UPath = UPath(f"{parts.scheme}://{host}{parts.path}", **options)
    return found


def without_secrets(text: str) -> str:
    """Return a text without the user, password and query of an address in it."""
    return _QUERY.sub(_unless_pattern, _USER.sub(r"\1", text))


def _unless_pattern(found: re.Match[str]) -> str:
    """Keep what stands behind the ``?`` of a storage that has no queries: it is a pattern there."""
    protocol = found[1].partition(":")[0].lower()
    return found[0] if protocol in PROTOCOLS - WEB else found[1]
