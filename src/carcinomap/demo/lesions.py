"""Lesions: benign proliferation, carcinoma in situ and invasive carcinoma.

Each function paints one lesion and returns what a pathologist would outline. The classes share
nuclei, cytoplasm and stroma, and differ in how these are put together.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from shapely import Polygon
from shapely.affinity import translate

from carcinomap.demo.canvas import BLANK, Canvas, Paint
from carcinomap.demo.layout import Place, Structure
from carcinomap.demo.normal import cytoplasm, paint_fat, paint_gland, paint_vessel
from carcinomap.demo.nuclei import Nucleus
from carcinomap.demo.shapes import along, blob, largest, polygons, scatter, tiling


@dataclass(frozen=True)
class _Opening:
    """A place in a duct where no living cell is, and what fills it; dead cells leave dust."""

    shape: Polygon
    paint: Paint
    dead: bool = False


def paint_benign(canvas: Canvas, place: Place) -> list[Polygon]:
    """Paint crowded glands, dilated and branching, each with two layers and an open lumen."""
    rng = canvas.rng
    region = blob(rng, (place.x, place.y), place.radius * 0.85, roughness=0.08, harmonics=4)
    pitch = min(rng.uniform(72, 115), place.radius * 0.8)
    gap = rng.uniform(0.15, 0.26) * pitch
    thickness = rng.uniform(12, 15)
    body = cytoplasm(canvas)
    between = scatter(rng, region, rng.uniform(17, 24), jitter=0.4)
    canvas.nuclei(Nucleus.SPINDLE, between, canvas.fibres.direction(between))
    glands = tiling(
        rng, region, pitch, gap=gap, rounding=0.2 * pitch, merge=rng.uniform(0.15, 0.45)
    )
    for gland in glands:
        paint_gland(canvas, gland, thickness, body)
    return _enclosing(glands, place.radius)


def paint_in_situ(canvas: Canvas, place: Place) -> list[Polygon]:
    """Paint a group of ducts distended by tumour cells, each within its intact round border."""
    rng = canvas.rng
    region = blob(rng, (place.x, place.y), place.radius * 0.93, roughness=0.06, harmonics=4)
    pitch, gap = rng.uniform(190, 260), rng.uniform(18, 34)
    ducts = [region]
    if place.radius > 0.9 * pitch:
        tiles = tiling(rng, region, pitch, gap=gap, rounding=0.27 * pitch, merge=0.1)
        ducts = [tile for tile in tiles if tile.area > 0.2 * pitch**2]
    body = cytoplasm(canvas)
    patterns = (_solid, _cribriform, _comedo)
    usual = rng.integers(len(patterns))
    for duct in ducts:
        # Most ducts of a focus look alike, as they are one clone; some do not.
        pattern = usual if rng.random() < 0.6 else rng.integers(len(patterns))
        _paint_duct_in_situ(canvas, duct, body, patterns[pattern](canvas, duct))
    return ducts


def _paint_duct_in_situ(
    canvas: Canvas, duct: Polygon, body: Paint, openings: list[_Opening]
) -> None:
    """Paint a duct: border, dark myoepithelium, tumour cells around the openings."""
    rng = canvas.rng
    if rng.random() < 0.5:
        shift = rng.normal(0, 3.5, 2)
        canvas.fill(translate(duct, *shift), BLANK)  # shrunken from its bed
    canvas.stroke(np.asarray(duct.exterior.coords), 4.0, Paint(0.05, 0.65, 0.2))
    canvas.fill(duct, body)
    cells = duct.buffer(-6.5)
    for opening in openings:
        canvas.fill(opening.shape, opening.paint)
        if opening.dead:
            dust = scatter(rng, opening.shape, 17, jitter=0.4)
            canvas.nuclei(Nucleus.SMALL, dust, rng.uniform(0, np.pi, len(dust)))
        ring, tangents = along(rng, opening.shape, -4.5, 8.5, 0.6)
        canvas.nuclei(Nucleus.ATYPICAL, ring, tangents + np.pi / 2)
        cells = cells.difference(opening.shape.buffer(9.5))
    spots = scatter(rng, cells, rng.uniform(9.0, 12.5), jitter=0.2)
    canvas.nuclei(Nucleus.ATYPICAL, spots, rng.uniform(0, np.pi, len(spots)))
    spots, tangents = along(rng, duct, 1.8, rng.uniform(8, 10), 0.4)
    canvas.nuclei(Nucleus.FLAT, spots, tangents)


def _solid(canvas: Canvas, duct: Polygon) -> list[_Opening]:
    """No opening but a rare one."""
    return _cribriform(canvas, duct)[:1] if canvas.rng.random() < 0.3 else []


def _cribriform(canvas: Canvas, duct: Polygon) -> list[_Opening]:
    """Several punched-out round spaces."""
    rng = canvas.rng
    secretion = Paint(0.02, float(rng.choice([0.0, 0.1, 0.3])), 0.2)
    spots = scatter(rng, duct.buffer(-28), rng.uniform(42, 54), jitter=0.12)
    spaces = [blob(rng, (x, y), rng.uniform(8, 14), roughness=0.05) for x, y in spots]
    return [_Opening(space, secretion) for space in spaces]


def _comedo(canvas: Canvas, duct: Polygon) -> list[_Opening]:
    """Dead cells in the middle: pink and granular."""
    rng = canvas.rng
    radius = np.sqrt(duct.area / np.pi)
    middle = largest(duct.buffer(-rng.uniform(0.6, 0.75) * radius)).buffer(0.2 * radius)
    if middle.area < 400:
        return []
    return [_Opening(middle, Paint(0.14, float(rng.uniform(0.4, 0.6)), 0.45), dead=True)]


def paint_invasive(canvas: Canvas, place: Place) -> list[Polygon]:
    """Paint nests, cords and single cells that infiltrate the stroma with a ragged front."""
    rng = canvas.rng
    region = blob(rng, (place.x, place.y), place.radius * 0.82, roughness=0.11, harmonics=9)
    island = _island(canvas, place)
    body = cytoplasm(canvas)
    between = scatter(rng, region.difference(island), rng.uniform(17, 26), jitter=0.4)
    canvas.nuclei(Nucleus.SPINDLE, between, canvas.fibres.direction(between))
    share_of_nests, share_of_cords = rng.uniform(0.35, 0.65), 0.33
    clear = island.buffer(22)
    spots = scatter(rng, region.difference(clear), rng.uniform(36, 43), jitter=0.22)
    courses = canvas.fibres.direction(spots)
    painted: list[Polygon] = []
    for (x, y), course, lot in zip(spots, courses, rng.random(len(spots)), strict=True):
        if lot < share_of_nests:
            nest = _nest(rng, x, y)
        elif lot < share_of_nests + share_of_cords:
            nest = _cord(rng, x, y, course)
        else:
            nest = blob(rng, (x, y), rng.uniform(7, 11), roughness=0.2)
        nest = largest(nest.difference(clear))
        if nest.area < 60:
            continue
        _paint_nest(canvas, nest, body)
        painted.append(nest)
    return [outline.difference(island) for outline in _enclosing(painted, place.radius)]


def _island(canvas: Canvas, place: Place) -> Polygon:
    """Paint normal tissue that the tumour has grown around; empty where there is none."""
    rng = canvas.rng
    if place.radius < 120 or rng.random() < 0.35:
        return Polygon()
    angle, away = rng.uniform(0, 2 * np.pi), rng.uniform(0.0, 0.2) * place.radius
    centre = (place.x + away * np.cos(angle), place.y + away * np.sin(angle))
    island = blob(rng, centre, rng.uniform(0.2, 0.27) * place.radius, roughness=0.1, harmonics=5)
    if rng.random() < 0.5:
        paint_fat(canvas, island)
    else:
        for x, y in scatter(rng, island.buffer(-25), 70, jitter=0.15):
            paint_vessel(canvas, Place(Structure.VESSEL, x, y, float(rng.uniform(12, 22))))
    return island


def _nest(rng: np.random.Generator, x: float, y: float) -> Polygon:
    """An angular clump of tumour cells."""
    return blob(
        rng, (x, y), rng.uniform(13, 22), roughness=0.28, harmonics=5, aspect=rng.uniform(1, 1.8)
    )


def _cord(rng: np.random.Generator, x: float, y: float, course: float) -> Polygon:
    """A row of cells, one or two wide, that follows the fibres."""
    length = rng.uniform(50, 95)
    t = np.linspace(-0.5, 0.5, 9)
    bend = rng.normal(0, 10) * np.sin(np.pi * (t + rng.uniform(0, 1)) * 1.5)
    course += rng.normal(0, 0.25)
    line = np.stack(
        [
            x + t * length * np.cos(course) - bend * np.sin(course),
            y + t * length * np.sin(course) + bend * np.cos(course),
        ],
        axis=1,
    )
    return shapely.LineString(line).buffer(rng.uniform(5, 8))


def _paint_nest(canvas: Canvas, nest: Polygon, body: Paint) -> None:
    """Paint a clump of tumour cells, sometimes shrunken from its bed or with a tiny lumen."""
    rng = canvas.rng
    if rng.random() < 0.25:
        canvas.fill(translate(nest, *rng.normal(0, 2.5, 2)), BLANK)
    canvas.fill(nest, body)
    cells = nest.buffer(-2.5)
    if rng.random() < 0.12:
        lumen = blob(rng, (nest.centroid.x, nest.centroid.y), rng.uniform(3, 6), roughness=0.2)
        canvas.fill(lumen, BLANK)
        cells = cells.difference(lumen.buffer(4))
    spots = scatter(rng, cells, rng.uniform(8.5, 11.0), jitter=0.22)
    if not len(spots):
        spots = np.array([[nest.centroid.x, nest.centroid.y]])
    canvas.nuclei(Nucleus.ATYPICAL, spots, rng.uniform(0, np.pi, len(spots)))


def _enclosing(shapes: list[Polygon], radius: float) -> list[Polygon]:
    """Outline shapes as a pathologist does: a smooth line around all, at a little distance.

    Args:
        shapes: What is enclosed.
        radius: Of the lesion; in a small one the line follows narrower bays.
    """
    scale = min(1.0, radius / 150)
    reach, margin, smoothing = 60.0 * scale, 8.0, 30.0 * scale
    closed = shapely.union_all(shapes).buffer(reach).buffer(margin - reach)
    smooth = closed.buffer(-smoothing).buffer(smoothing)
    return [Polygon(part.exterior) for part in polygons(smooth)]
