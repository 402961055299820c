"""Where a patch lies: plain numbers that can be compared, counted, sent and replayed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PatchKey:
    """A place to look at.

    Attributes:
        case: Index of the case.
        x: Level-0 column of the centre.
        y: Level-0 row of the centre.
        orientation: 0–7: quarter turns, plus 4 where mirrored.
        scale: Magnifies the field of view: 1.1 shows 1.1 times as many microns.
    """

    case: int
    x: float
    y: float
    orientation: int = 0
    scale: float = 1.0
