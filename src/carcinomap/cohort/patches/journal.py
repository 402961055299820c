"""Which tiles of a slide are finished: a line for each, after what the slide's files were.

Lines are added as tiles are finished, so that whoever is stopped can go on. A last line that is
not whole is of a tile that is cut again.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from carcinomap.cohort.case import Case
from carcinomap.cohort.patches.tile import Tile
from carcinomap.files import write_text
from carcinomap.storage import stamp

_TILE = TypeAdapter(Tile)
_COMPLETE = "complete"


@dataclass(frozen=True)
class Record:
    """What a journal says.

    Attributes:
        key: What the slide's files were.
        tiles: Those that are finished.
        complete: Whether these are all that the slide has.
    """

    key: str = ""
    tiles: tuple[Tile, ...] = ()
    complete: bool = False


def key_of(case: Case) -> str:
    """Return a line that changes when a case's slide or annotation does.

    Raises:
        OSError: One of them is gone.
        CarcinomapError: One of them is elsewhere, and its storage does not tell.
    """
    key: list[Any] = [case.mpp]
    for file in (case.slide, case.annotation):
        if file is not None:
            key += [file.name, *stamp(file)]
    return json.dumps(key)


def read_journal(path: Path) -> Record:
    """Read a journal; an empty record where there is none."""
    if not path.is_file():
        return Record()
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    tiles = tuple(tile for tile in map(_tile, lines[1:]) if tile is not None)
    return Record(lines[0] if lines else "", tiles, _COMPLETE in lines)


def _tile(line: str) -> Tile | None:
    try:
        # Not pydantic's own reader of JSON: a name in it may be no Unicode.
        tile = _TILE.validate_python(json.loads(line))
    except (ValueError, RecursionError):
        return None
    return tile if Path(tile.name).name == tile.name else None


class Journal:
    """Writes a journal, over the one of before.

    Args:
        path: The file.
        key: What the slide's files are.
        tiles: Those that were finished before.
    """

    def __init__(self, path: Path, key: str, tiles: Iterable[Tile]) -> None:
        self._path, self._key = path, key
        self._write(map(_line, tiles))

    def add(self, tile: Tile) -> None:
        """Tell that a tile is finished."""
        with self._path.open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"{_line(tile)}\n")

    def finish(self, tiles: Iterable[Tile]) -> None:
        """Tell that these are all tiles, in this order."""
        self._write([*map(_line, tiles), _COMPLETE])

    def _write(self, lines: Iterable[str]) -> None:
        write_text(self._path, "".join(f"{line}\n" for line in (self._key, *lines)))


def _line(tile: Tile) -> str:
    return json.dumps(asdict(tile))
