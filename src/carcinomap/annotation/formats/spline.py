"""The curve that ASAP draws through the points of a spline."""

import numpy as np
import numpy.typing as npt

from carcinomap.annotation.formats.regions import Points

_TOLERANCE = 0.05  # level-0 pixels between the curve and the sides that stand for it
_MOST_SIDES = 64


def closed_spline(points: Points) -> Points:
    """Return vertices along the closed curve through some points ``(n, 2)``.

    It is a centripetal Catmull–Rom curve (Yuksel et al., "On the parameterization of Catmull–Rom
    curves", 2009), drawn as one Bézier segment from each point to the next. ASAP does not look
    across the seam everywhere: into the last point, and out of it back to the first, the curve
    runs as if the side there went on straight.
    """
    points = points[(points != np.roll(points, 1, axis=0)).any(axis=1)]
    if len(points) < 3:
        return points
    before, after = np.roll(points, 1, axis=0), np.roll(points, -1, axis=0)
    beyond = np.roll(points, -2, axis=0)
    before[-1] = 2 * points[-1] - after[-1]
    beyond[-2] = 2 * after[-2] - points[-2]
    control = (
        points,
        _handle(before, points, after),
        _handle(beyond, after, points),
        after,
    )
    return _flattened(np.stack(control))


def _handle(before: Points, point: Points, after: Points) -> Points:
    """Return the Bézier handle at ``point`` on the side towards ``after``."""
    behind = np.linalg.norm(point - before, axis=1, keepdims=True)
    ahead = np.linalg.norm(after - point, axis=1, keepdims=True)
    root = np.sqrt(behind * ahead)
    weighted = behind * after - ahead * before + (2 * behind + 3 * root + ahead) * point
    handle: Points = weighted / (3 * (behind + root))
    return handle


def _flattened(control: npt.NDArray[np.float64]) -> Points:
    """Return vertices along Bézier segments ``(4, n, 2)``, each beginning with its first point."""
    bends = np.linalg.norm(np.diff(control, n=2, axis=0), axis=2).max(axis=0)
    # A cubic is nowhere farther than 3/4 of its bend / sides² from as many chords.
    sides = np.clip(np.ceil(np.sqrt(0.75 * bends / _TOLERANCE)), 1, _MOST_SIDES).astype(int)
    segment = np.repeat(np.arange(len(sides)), sides)
    first = np.cumsum(sides) - sides
    t = ((np.arange(len(segment)) - first[segment]) / sides[segment])[:, None]
    start, out, into, end = control[:, segment]
    curve: Points = (
        (1 - t) ** 3 * start + 3 * (1 - t) ** 2 * t * out + 3 * (1 - t) * t**2 * into + t**3 * end
    )
    return curve
