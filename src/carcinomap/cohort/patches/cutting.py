"""Cut one slide: several tiles at once, and none that is finished already."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from carcinomap.annotation import ClassScheme
from carcinomap.cohort.case import Case
from carcinomap.cohort.patches.folder import PatchFolder
from carcinomap.cohort.patches.grid import Grid
from carcinomap.cohort.patches.journal import Journal, key_of, read_journal
from carcinomap.cohort.patches.settings import TileSettings
from carcinomap.cohort.patches.tile import Cutter, Tile
from carcinomap.granted import allotted_cores
from carcinomap.progress import progress
from carcinomap.slide import find_tissue

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_THREADS = 8


def cut_slide(
    case: Case,
    folder: PatchFolder,
    settings: TileSettings,
    scheme: ClassScheme,
    threads: int | None = None,
) -> int:
    """Write the tiles of a slide; its journal tells at the end of all of them, row by row.

    Args:
        case: The slide.
        folder: Where to write them.
        settings: Size, resolution and format.
        scheme: The classes.
        threads: Tiles that are cut at once; None takes the processors, up to 8.

    Returns:
        How many tiles it has, those that were there already included.

    Raises:
        InputError: The slide or its annotation cannot be read, or a label is in no class.
    """
    path, key = folder.journal(case.name), key_of(case)
    before = read_journal(path)
    if before.key != key:
        _remove(before.tiles, folder, settings)
        kept = []
    else:
        kept = [tile for tile in before.tiles if _is_there(tile, folder, settings)]
        if before.complete and len(kept) == len(before.tiles):
            return len(before.tiles)
    with case.open_slide() as slide:
        annotations = case.read_annotations(slide)
        annotations.check(scheme)
        grid = Grid(slide, settings)
        tissue = find_tissue(slide)
        cutter = Cutter(slide, annotations, tissue, grid.scale, scheme, settings, folder)
        finished = {tile.name: tile for tile in kept}
        places = {cutter.name(place): place for place in grid}
        open_places = [place for name, place in places.items() if name not in finished]
        journal = Journal(path, key, kept)
        threads = threads or min(_THREADS, allotted_cores())
        with (
            progress(case.name, len(open_places), "places") as advance,
            ThreadPoolExecutor(threads) as pool,
        ):
            for tile in _in_order(pool, cutter.cut, open_places, 2 * threads):
                if tile is not None:
                    journal.add(tile)
                    finished[tile.name] = tile
                advance()
        journal.finish([finished[name] for name in places if name in finished])
    return len(finished)


def _remove(tiles: Iterable[Tile], folder: PatchFolder, settings: TileSettings) -> None:
    for tile in tiles:
        for file in folder.files(tile.name, settings.suffix):
            file.unlink(missing_ok=True)


def _is_there(tile: Tile, folder: PatchFolder, settings: TileSettings) -> bool:
    return all(file.is_file() for file in folder.files(tile.name, settings.suffix))


def _in_order(
    pool: ThreadPoolExecutor,
    function: Callable[[_Item], _Result],
    items: Iterable[_Item],
    ahead: int,
) -> Iterator[_Result]:
    """Yield results in the order of the items; at most ``ahead`` of them wait at any time."""
    waiting: deque[Future[_Result]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(function, item))
            if len(waiting) >= ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        for future in waiting:
            future.cancel()
