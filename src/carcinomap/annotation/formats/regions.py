"""From the regions of a file to annotations: what all formats of outlines have in common.

Every region ends as an annotation, as a hole in one, or in a note that says why not.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import shapely
from shapely import Polygon

from carcinomap.annotation.annotations import Annotation, Note, NoteKind
from carcinomap.annotation.geometry import Area, on_grid, repaired, tangled, to_grid
from carcinomap.annotation.holes import cut_holes, cut_nested
from carcinomap.annotation.scheme import normalised
from carcinomap.errors import InputError

_FARTHEST = 1e9
_NOTES_OF_A_KIND = 1000

Points = npt.NDArray[np.float64]


@dataclass(frozen=True)
class NotAnArea:
    """Why a region covers nothing."""

    kind: NoteKind
    reason: str


@dataclass(frozen=True)
class Region:
    """A region as a file has it.

    Attributes:
        place: How messages call it.
        outline: Around what it covers, valid or not; or why it covers nothing.
        label: What people called it.
        name: What they called this one.
        colour: ``#rrggbb``.
        layer: Name of the layer it is in.
        hole: Whether it is a hole.
        group: Holes are cut out of regions of the same group.
    """

    place: str
    outline: Polygon | NotAnArea
    label: str = ""
    name: str = ""
    colour: str | None = None
    layer: str = ""
    hole: bool = False
    group: int = 0


def on_slide(where: str, x: npt.ArrayLike, y: npt.ArrayLike) -> Points:
    """Return vertices ``(n, 2)`` in level-0 pixels, on the grid.

    Args:
        where: File and region, for the message.
        x: Rightwards, in level-0 pixels.
        y: Downwards, as many.

    Raises:
        InputError: One of them is infinite, no number, or farther away than any slide is large.
    """
    points = np.array((x, y), dtype=float).T
    within = np.abs(points) <= _FARTHEST
    if not within.all():
        at = ", ".join(f"{value:g}" for value in points[int(within.all(axis=1).argmin())])
        raise InputError(f"{where} has a vertex at ({at}), which can be on no slide")
    return to_grid(points)


def corners_of(points: Points) -> Points:
    """Return the different ones of some points, or three of them and more if there are."""
    first = np.array(sorted(set(map(tuple, points[:64].tolist())))).reshape(-1, 2)
    return first if len(first) > 2 or len(points) <= 64 else np.unique(points, axis=0)


def outline_of(points: Points) -> Polygon | NotAnArea:
    """Return the outline that runs through some points and back to the first."""
    outline: Polygon | None = shapely.polygons(points) if len(points) > 2 else None
    if outline and outline.area:
        return outline
    count = len(corners_of(points))
    different = f"{count} different vertices are no outline"
    return outline if outline and count > 2 else NotAnArea("open line", different)


class _Notes:
    """Notes, each on its own as long as somebody may want to read them."""

    def __init__(self) -> None:
        self._notes: list[Note] = []
        self._counts = Counter[NoteKind]()

    def add(self, kind: NoteKind, message: str) -> None:
        self._counts[kind] += 1
        if self._counts[kind] <= _NOTES_OF_A_KIND:
            self._notes.append(Note(kind, message))

    def summed_up(self) -> tuple[Note, ...]:
        rest = [
            Note(kind, "and as many more", count - _NOTES_OF_A_KIND)
            for kind, count in self._counts.items()
            if count > _NOTES_OF_A_KIND
        ]
        return (*self._notes, *rest)


@dataclass
class _Drawn:
    """A region and what it covers."""

    region: Region
    area: Area
    hole: bool


def gathered(
    regions: Iterable[Region], even_odd: bool = False
) -> tuple[tuple[Annotation, ...], tuple[Note, ...]]:
    """Return the annotations that the regions of a file make, and what became of all others.

    Args:
        regions: In the order of the file.
        even_odd: Whether regions inside others of their group and label are holes, too.
    """
    notes = _Notes()
    groups: dict[int, list[_Drawn]] = defaultdict(list)
    drawn: list[_Drawn] = []
    for region in regions:
        area = _area(region, notes)
        if area is not None:
            drawn.append(_Drawn(region, area, region.hole))
            groups[region.group].append(drawn[-1])
    cut = sum(_cut(members, notes) for members in groups.values())
    nested = sum(_nest(members) for members in groups.values()) if even_odd else 0
    annotations = _annotations([one for one in drawn if not one.hole], notes)
    told = {
        "holes, cut out of the regions around them": cut,
        "regions inside others of their label, cut out of them as holes": nested,
    }
    holes = (Note("hole", message, count) for message, count in told.items() if count)
    return annotations, (*notes.summed_up(), *holes)


def _annotations(drawn: Iterable[_Drawn], notes: _Notes) -> tuple[Annotation, ...]:
    annotations = []
    for one in drawn:
        region = one.region
        if one.area.is_empty:
            notes.add("no area", f"{region.place}: holes leave nothing of it")
        else:
            annotations.append(
                Annotation(region.label, one.area, region.name, region.colour, region.layer)
            )
    return tuple(annotations)


def _cut(members: Sequence[_Drawn], notes: _Notes) -> int:
    """Cut the holes of a group out of its areas, in place; return how many were in one."""
    holes = [one for one in members if one.hole]
    areas = [one for one in members if not one.hole]
    if not holes:
        return 0
    cut, strays = cut_holes([one.area for one in areas], [one.area for one in holes])
    for one, area in zip(areas, cut, strict=True):
        one.area = area
    for stray in strays:
        message = f"{holes[stray].region.place}: a hole that lies in no region"
        notes.add("stray hole", message)
    return len(holes) - len(strays)


def _nest(members: Sequence[_Drawn]) -> int:
    """Make holes of regions inside others, in place; return how many."""
    areas = [one for one in members if not one.hole and not one.area.is_empty]
    labels = [normalised(one.region.label) for one in areas]
    cut, holes = cut_nested([one.area for one in areas], labels)
    for one, area in zip(areas, cut, strict=True):
        one.area = area
    for position in holes:
        areas[position].hole = True
    return len(holes)


def _area(region: Region, notes: _Notes) -> Area | None:
    """Return what a region covers, None with a note where that is nothing."""
    outline = region.outline
    if isinstance(outline, NotAnArea):
        notes.add(outline.kind, f"{region.place}: {outline.reason}")
        return None
    if outline.is_valid:
        return outline
    if tangled(outline):
        notes.add("no area", f"{region.place}: its outline crosses itself as no drawing does")
        return None
    area = on_grid(repaired(outline))
    if area.is_empty:
        notes.add("no area", f"{region.place}: its outline encloses nothing")
        return None
    change = f"{outline.area:,.1f} → {area.area:,.1f} px²"
    message = f"{region.place}: its outline touches or crosses itself; repaired, area {change}"
    notes.add("repaired", message)
    return area
