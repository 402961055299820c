"""Pieces of a file on a web server; no wrong answer of the server passes for a right one."""

from collections.abc import Mapping
from typing import Any

import fsspec.asyn

from carcinomap.errors import CarcinomapError

PARTIAL_CONTENT = 206


class NoRangesError(CarcinomapError):
    """A server sends files as a whole alone."""

    def __init__(self, url: str) -> None:
        super().__init__(f"{url}: its server does not send the part of the file that was asked for")


class OtherFileError(Exception):
    """A server sends pieces of another file than it said before."""


def fetch(files: Any, url: str, start: int, stop: int, known: Mapping[str, Any]) -> bytes:
    """Return the bytes ``start`` to ``stop`` of a file.

    Args:
        files: The fsspec filesystem for HTTP.
        url: The file.
        start: First byte.
        stop: The one after the last.
        known: What is known of it: ``size``, and ``ETag`` or ``Last-Modified``.

    Raises:
        NoRangesError: The server has sent something else than this piece.
        OtherFileError: The file is not any more what is known of it.
        aiohttp.ClientError: The server fails, or cannot be reached.
    """
    piece: bytes = fsspec.asyn.sync(files.loop, _fetch, files, url, start, stop, known)
    return piece


async def _fetch(files: Any, url: str, start: int, stop: int, known: Mapping[str, Any]) -> bytes:
    session = await files.set_session()
    options = dict(files.kwargs)
    headers = {
        **options.pop("headers", {}),
        "Range": f"bytes={start}-{stop - 1}",
        "Accept-Encoding": "identity",
    }
    async with session.get(files.encode_url(url), headers=headers, **options) as answer:
        answer.raise_for_status()
        if answer.status != PARTIAL_CONTENT:
            raise NoRangesError(url)
        _check(answer.headers, url, start, known)
        content: bytes = await answer.content.readexactly(stop - start)
        return content


def _check(headers: Mapping[str, str], url: str, start: int, known: Mapping[str, Any]) -> None:
    place, _, size = headers.get("Content-Range", "").removeprefix("bytes ").partition("/")
    if size not in ("", "*", str(known["size"])):
        raise OtherFileError
    if place and place.partition("-")[0] != str(start):
        raise NoRangesError(url)
    for sign in ("ETag", "Last-Modified"):
        if sign in known and sign in headers:
            if known[sign] != headers[sign]:
                raise OtherFileError
            return
