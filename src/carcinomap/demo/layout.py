"""Layout: the outline of the tissue, and which structure lies where in it. All lengths in µm."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
import shapely
from shapely import Polygon

from carcinomap.demo.shapes import blob, largest


class Structure(Enum):
    """What can lie in breast tissue; the first three are annotated, the others are normal."""

    INVASIVE = "invasive"
    IN_SITU = "in situ"
    BENIGN = "benign"
    FAT = "fat"
    LOBULE = "lobule"
    DUCT = "duct"
    VESSEL = "vessel"
    LYMPHOCYTES = "lymphocytes"


@dataclass(frozen=True)
class Place:
    """A disc kept free for one structure."""

    structure: Structure
    x: float
    y: float
    radius: float


@dataclass(frozen=True)
class Layout:
    """The plan of one slide: the tissue's outline and its structures, which do not overlap."""

    tissue: Polygon
    places: tuple[Place, ...]


# Every lesion twice, so that one of each remains large where the tissue is crowded: the share of
# the tissue that its disc covers.
_LESIONS = (
    (Structure.INVASIVE, 0.105),
    (Structure.IN_SITU, 0.12),
    (Structure.BENIGN, 0.095),
    (Structure.IN_SITU, 0.08),
    (Structure.INVASIVE, 0.05),
    (Structure.BENIGN, 0.05),
    (Structure.FAT, 0.05),
    (Structure.FAT, 0.025),
)
# What fills the rest: the range of the radius, and how many there are per square millimetre.
_FILLERS = (
    (Structure.LOBULE, (85, 130), 1.6),
    (Structure.FAT, (60, 110), 0.7),
    (Structure.DUCT, (34, 55), 1.6),
    (Structure.LYMPHOCYTES, (30, 55), 0.8),
    (Structure.VESSEL, (14, 32), 3.0),
)
_SET_AREA = 3.3e6  # µm² of tissue that hold each lesion twice
_CANDIDATES = 3000  # points per such area at which a structure may be centred
_GAP = 30.0


def plan(rng: np.random.Generator, width: float, height: float) -> Layout:
    """Draw the plan of a slide of that many microns."""
    tissue = _tissue(rng, width, height)
    sets = max(1, round(tissue.area / _SET_AREA))
    room = _Room(rng, tissue, _CANDIDATES * sets)
    # Largest first, as the late ones have to take what is left.
    for structure, share in sorted(_LESIONS, key=lambda lesion: -lesion[1]):
        for _ in range(sets):
            radius = float(np.sqrt(share * tissue.area / sets / np.pi))
            while not room.take(structure, radius):
                radius *= 0.95
    for structure, (least, most), density in _FILLERS:
        for _ in range(int(rng.poisson(density * tissue.area / 1e6))):
            room.take(structure, float(rng.uniform(least, most)))
    return Layout(tissue, tuple(room.places))


def _tissue(rng: np.random.Generator, width: float, height: float) -> Polygon:
    """A rounded rectangle with a ragged outline that leaves glass around it."""
    ragged = shapely.get_coordinates(blob(rng, (0.0, 0.0), 1000.0, roughness=0.035, harmonics=60))
    angle = np.arctan2(ragged[:, 1], ragged[:, 0])
    squareness = rng.uniform(2.6, 4.0)
    norm = (np.abs(np.cos(angle)) ** squareness + np.abs(np.sin(angle)) ** squareness) ** (
        1 / squareness
    )
    scaled = ragged / 1000.0 / norm[:, None] * (width, height) * rng.uniform(0.43, 0.455)
    shift = rng.uniform(-0.01, 0.01, 2) * (width, height)
    shift += np.array([width, height]) / 2
    return largest(Polygon(scaled + shift).buffer(0))


class _Room:
    """The room left in the tissue, kept at candidate points: the largest disc that fits there."""

    def __init__(self, rng: np.random.Generator, tissue: Polygon, candidates: int) -> None:
        left, top, right, bottom = tissue.bounds
        points = rng.uniform((left, top), (right, bottom), (candidates, 2))
        self._points = points[shapely.contains_xy(tissue, points)]
        edge = tissue.exterior
        shapely.prepare(edge)
        self._largest = shapely.distance(edge, shapely.points(self._points)) - _GAP / 2
        self._rng = rng
        self.places: list[Place] = []

    def take(self, structure: Structure, radius: float) -> bool:
        """Place a structure where it fits, rather tightly; tell whether there was room."""
        fitting = np.flatnonzero(self._largest >= radius)
        if not fitting.size:
            return False
        some = self._rng.choice(fitting, min(8, fitting.size), replace=False)
        x, y = self._points[some[np.argmin(self._largest[some])]].tolist()
        distance = np.hypot(self._points[:, 0] - x, self._points[:, 1] - y)
        self._largest = np.minimum(self._largest, distance - radius - _GAP)
        self.places.append(Place(structure, x, y, radius))
        return True
