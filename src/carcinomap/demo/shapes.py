"""Shapes: blobs, tilings, points inside an outline and points along one. All lengths in µm."""

from collections.abc import Iterator

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import Polygon

Points = NDArray[np.float64]


def blob(
    rng: np.random.Generator,
    centre: tuple[float, float],
    radius: float,
    *,
    roughness: float = 0.15,
    harmonics: int = 6,
    aspect: float = 1.0,
) -> Polygon:
    """Draw a closed irregular outline around a centre.

    Args:
        rng: Source of randomness.
        centre: (x, y).
        radius: Mean radius.
        roughness: Standard deviation of the radius as a share of it.
        harmonics: Waves around the outline that make it irregular; many make it ragged.
        aspect: Length divided by width, lying in a random direction.
    """
    vertices = int(np.clip(radius * 1.5, 24, 720))
    angle = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    orders = np.arange(2, harmonics + 2)
    # Amplitudes fall with the order, so that large waves shape and small ones roughen the outline.
    amplitude = rng.normal(0, 1, orders.size) / orders
    amplitude *= roughness * np.sqrt(2) / max(float(np.sqrt(np.sum(1.0 / orders**2))), 1e-9)
    phase = rng.uniform(0, 2 * np.pi, orders.size)
    waves = (amplitude[:, None] * np.cos(orders[:, None] * angle + phase[:, None])).sum(axis=0)
    distance = radius * np.clip(1 + waves, 0.35, 1.75)
    x = distance * np.cos(angle) * np.sqrt(aspect)
    y = distance * np.sin(angle) / np.sqrt(aspect)
    turn = rng.uniform(0, np.pi)
    return Polygon(
        np.column_stack(
            [
                centre[0] + x * np.cos(turn) - y * np.sin(turn),
                centre[1] + x * np.sin(turn) + y * np.cos(turn),
            ]
        )
    )


def scatter(
    rng: np.random.Generator, region: Polygon, pitch: float, jitter: float = 0.28
) -> Points:
    """Return points spread evenly but not regularly inside a region, float64 (n, 2).

    A hexagonal grid whose points stray by ``jitter`` (standard deviation, as a share of the pitch).
    """
    if region.is_empty:
        return np.empty((0, 2))
    left, top, right, bottom = region.bounds
    rows = np.arange(top - pitch, bottom + pitch, pitch * np.sqrt(0.75))
    columns = np.arange(left - pitch, right + pitch, pitch)
    x, y = np.meshgrid(columns, rows)
    x[1::2] += pitch / 2
    grid = np.stack([x.ravel(), y.ravel()], axis=1)
    grid += rng.uniform(0, pitch, 2) + rng.normal(0, jitter * pitch, grid.shape)
    shapely.prepare(region)
    return np.asarray(grid[shapely.contains_xy(region, grid)])


def tiling(
    rng: np.random.Generator,
    region: Polygon,
    pitch: float,
    *,
    gap: float,
    rounding: float,
    merge: float = 0.0,
) -> list[Polygon]:
    """Divide a region into cells with rounded corners that leave a gap between one another.

    The cells are those of a Voronoi diagram: neighbours mould one another as living cells, fat
    and crowded glands do.

    Args:
        rng: Source of randomness.
        region: What is divided.
        pitch: Mean distance between the centres of neighbours.
        gap: Width of what is left between neighbours.
        rounding: Radius of the cells' corners.
        merge: Share of the cells that grow together with a neighbour.
    """
    points = scatter(rng, region, pitch, jitter=0.18)
    if len(points) < 2:
        return list(polygons(rounded(region, gap / 2, rounding)))
    cells = list(shapely.voronoi_polygons(shapely.MultiPoint(points), extend_to=region).geoms)
    centres = np.array([(cell.centroid.x, cell.centroid.y) for cell in cells])
    free = np.ones(len(cells), bool)
    result = []
    for index in np.lexsort(centres.T):
        if not free[index]:
            continue
        free[index] = False
        cell = cells[index]
        if rng.random() < merge:
            distance = np.where(free, np.hypot(*(centres - centres[index]).T), np.inf)
            nearest = int(np.argmin(distance))
            if distance[nearest] < 1.4 * pitch:
                free[nearest] = False
                cell = cell.union(cells[nearest])
        # A neck narrower than its corners would part a cell in two that are no gap apart.
        result.append(largest(rounded(cell.intersection(region), gap / 2, rounding)))
    return [cell for cell in result if not cell.is_empty]


def rounded(shape: Polygon, margin: float, radius: float) -> shapely.Geometry:
    """Shrink a shape by a margin and round its corners; what is too narrow for that is gone."""
    return shape.buffer(-margin - radius).buffer(radius)


def polygons(shape: shapely.Geometry) -> Iterator[Polygon]:
    """Go through the polygons of a geometry; points and lines that an operation left are not."""
    for part in shapely.get_parts(shape):
        if part.geom_type == "Polygon" and not part.is_empty:
            yield part


def largest(shape: shapely.Geometry) -> Polygon:
    """Return the largest polygon of a geometry, an empty one where it has none."""
    return max(polygons(shape), key=lambda part: part.area, default=Polygon())


def along(
    rng: np.random.Generator, outline: Polygon, inset: float, spacing: float, stray: float
) -> tuple[Points, Points]:
    """Set points along an outline, somewhat irregularly.

    Args:
        rng: Source of randomness.
        outline: The outline; holes are passed over.
        inset: Distance to the inside at which the points lie.
        spacing: Mean distance of neighbours.
        stray: Standard deviation of a point's distance from the line.

    Returns:
        Points, float64 (n, 2), and the direction of the line at each, float64 (n,), in radians.
    """
    found: list[Points] = [np.empty((0, 3))]
    for part in polygons(outline.buffer(-inset)):
        ring = part.exterior
        count = int(ring.length / spacing)
        if count < 3:
            continue
        step = ring.length / count
        where = (np.arange(count) + rng.normal(0, 0.22, count)) * step % ring.length
        here = shapely.get_coordinates(shapely.line_interpolate_point(ring, where))
        ahead = (where + 1.0) % ring.length
        next_ = shapely.get_coordinates(shapely.line_interpolate_point(ring, ahead))
        direction = np.arctan2(*(next_ - here).T[::-1])
        across = np.stack([-np.sin(direction), np.cos(direction)], axis=1)
        here = here + across * rng.normal(0, stray, (count, 1))
        found.append(np.column_stack([here, direction]))
    every = np.concatenate(found)
    return every[:, :2], every[:, 2]
