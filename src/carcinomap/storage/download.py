"""A whole remote file onto the disk."""

from collections.abc import Callable, Iterator
from pathlib import Path

from upath import UPath

from carcinomap.errors import InputError
from carcinomap.progress import progress
from carcinomap.storage.filesystem import filesystem
from carcinomap.storage.paths import WEB
from carcinomap.storage.patience import patiently
from carcinomap.storage.source import RemoteSource, description, signs_of
from carcinomap.storage.trouble import ChangedError, told

CHUNK = 16_000_000
MEGA = 1_000_000


def download(path: UPath, target: Path, most: int) -> None:
    """Write a remote file's content to ``target``, piece by piece where its server gives pieces.

    Args:
        path: The file.
        target: What to write: a file that is there, and may take up its size already.
        most: Bytes that it may have, where its server does not say how many these are.

    Raises:
        InputError: There is no such file, or it is too large.
        CarcinomapError: Its server cannot be reached, or the file changed meanwhile.
        OSError: The disk is full.
    """
    source = RemoteSource(path)
    total = source.size / MEGA if source.size >= 0 else None
    with progress(f"fetching {path.name}", total, "MB") as advance:
        if path.protocol not in WEB or source.gives_pieces():
            _write(target, _pieces(source), advance)
        else:
            patiently(path, lambda: _write(target, _stream(path, most), advance))
    source.close()
    whole = source.size in (-1, target.stat().st_size)
    if not whole or signs_of(description(path)) != source.signs:
        raise ChangedError(path)


def _write(target: Path, content: Iterator[bytes], advance: Callable[[float], None]) -> None:
    with target.open("r+b") as file:
        for piece in content:
            file.write(piece)
            advance(len(piece) / MEGA)
        file.truncate()


def _pieces(source: RemoteSource) -> Iterator[bytes]:
    for offset in range(0, source.size, CHUNK):
        yield source.read_at(offset, CHUNK)


def _stream(path: UPath, most: int) -> Iterator[bytes]:
    got = 0
    with told(path), filesystem(path).open(path.path, "rb", block_size=0) as stream:
        while piece := stream.read(CHUNK):
            got += len(piece)
            if got > most:
                raise InputError(
                    f"{path}: more than {most / 1e9:.3g} GB; allow more for local copies with "
                    "the environment variable CARCINOMAP_CACHE_GB"
                )
            yield bytes(piece)
