"""Normal breast tissue: collagen, fat, lobules, ducts, vessels and stray lymphocytes."""

import cv2
import numpy as np
import shapely
from shapely import Polygon

from carcinomap.demo.canvas import BLANK, Canvas, Paint
from carcinomap.demo.layout import Place
from carcinomap.demo.nuclei import Nucleus
from carcinomap.demo.shapes import along, blob, largest, polygons, rounded, scatter, tiling
from carcinomap.demo.texture import smooth_noise


def paint_stroma(canvas: Canvas, tissue: Polygon) -> None:
    """Cover the whole slide with collagen fibres, clefts between them and spindle nuclei."""
    rng = canvas.rng
    height, width = canvas.eosin.shape
    dense = smooth_noise(rng, height, width, 220 / canvas.mpp)
    np.clip(dense, -1.5, 1.5, out=dense)
    fibres = canvas.fibres.density
    contrast, cleft = rng.uniform(0.09, 0.15), rng.uniform(1.2, 1.7)
    canvas.eosin[:] = np.float32(rng.uniform(0.42, 0.55)) + np.float32(0.08) * dense
    canvas.eosin += np.float32(contrast) * fibres
    # Where there is least collagen, a white cleft opens between the fibres.
    opening = fibres + np.float32(cleft) + np.float32(0.5) * dense
    np.clip(opening * np.float32(2.5), 0, 1, out=opening)
    canvas.eosin *= opening
    canvas.roughen(0.08)
    np.clip(canvas.eosin, 0.03, 1.1, out=canvas.eosin)
    np.multiply(canvas.eosin, np.float32(rng.uniform(0.08, 0.16)), out=canvas.haematoxylin)
    spots = scatter(rng, tissue, rng.uniform(24, 34), jitter=0.45)
    directions = canvas.fibres.direction(spots) + rng.normal(0, 0.2, len(spots))
    canvas.nuclei(Nucleus.SPINDLE, spots, directions)


def trim(canvas: Canvas, tissue: Polygon) -> None:
    """Leave bare glass outside the tissue, whose edge frays along the fibres."""
    height, width = canvas.eosin.shape
    reduced = 4
    mask = np.zeros((height // reduced + 1, width // reduced + 1), np.float32)
    ring = shapely.get_coordinates(tissue.exterior) / (canvas.mpp * reduced)
    cv2.fillPoly(mask, [np.rint(ring).astype(np.int32)], 1.0)
    mask = cv2.GaussianBlur(mask, (0, 0), 7 / (canvas.mpp * reduced))
    keep = cv2.resize(mask, None, fx=reduced, fy=reduced, interpolation=cv2.INTER_LINEAR)
    frayed = np.float32(0.12) * np.clip(canvas.fibres.density, -3, 3)
    keep = np.clip((keep[:height, :width] + frayed) * 8 - np.float32(3.5), 0, 1)
    canvas.haematoxylin *= keep
    canvas.eosin *= keep


def paint_fat(canvas: Canvas, region: Polygon) -> None:
    """Fill a region with fat cells: empty, with thin walls and a flat nucleus here and there."""
    rng = canvas.rng
    canvas.fill(region, Paint(0.06, float(rng.uniform(0.35, 0.5)), 0.2))
    for cell in tiling(
        rng, region, rng.uniform(48, 66), gap=rng.uniform(2.0, 3.2), rounding=12, merge=0.05
    ):
        canvas.fill(cell, Paint(0.0, float(rng.uniform(0.0, 0.03)), 0.0))
        spots, directions = along(rng, cell, -1.5, 30, 0.3)
        some = rng.random(len(spots)) < 0.12
        canvas.nuclei(Nucleus.FLAT, spots[some], directions[some])


def cytoplasm(canvas: Canvas) -> Paint:
    """Draw the cytoplasm of an epithelium; every class of epithelium draws from this one range."""
    rng = canvas.rng
    return Paint(float(rng.uniform(0.1, 0.2)), float(rng.uniform(0.22, 0.42)), 0.3)


def paint_gland(canvas: Canvas, outline: Polygon, thickness: float, body: Paint) -> None:
    """Paint a gland of two layers, epithelium within myoepithelium, around an open lumen.

    Args:
        canvas: Where it is painted.
        outline: Outer border of the gland.
        thickness: Of the wall.
        body: The cytoplasm.
    """
    rng = canvas.rng
    canvas.stroke(np.asarray(outline.exterior.coords), 3.0, Paint(0.05, 0.6, 0.2))
    canvas.fill(outline, body)
    secretion = Paint(0.02, float(rng.choice([0.0, 0.0, 0.1, 0.3])), 0.2)
    for lumen in polygons(rounded(outline, thickness, 8.0)):
        canvas.fill(lumen, secretion)
    outer, tangents = along(rng, outline, 2.0, rng.uniform(10, 13), 0.4)
    canvas.nuclei(Nucleus.FLAT, outer, tangents)
    inner, tangents = along(rng, outline, 2.0 + 0.42 * thickness, rng.uniform(6.5, 8), 0.9)
    upright = tangents + np.pi / 2 + rng.normal(0, 0.25, len(tangents))
    canvas.nuclei(Nucleus.EPITHELIAL, inner, upright)


def paint_lobule(canvas: Canvas, place: Place) -> None:
    """Paint a lobule: small round glands, loosely scattered in a paler stroma."""
    rng = canvas.rng
    bed = blob(rng, (place.x, place.y), place.radius * 0.9, roughness=0.12)
    canvas.fill(bed, Paint(0.08, float(rng.uniform(0.25, 0.4)), 0.25, opacity=0.7))
    between = scatter(rng, bed, 27, jitter=0.4)
    canvas.nuclei(Nucleus.SPINDLE, between, rng.uniform(0, np.pi, len(between)))
    body = cytoplasm(canvas)
    for x, y in scatter(rng, bed.buffer(-24), rng.uniform(56, 68), jitter=0.1):
        acinus = blob(rng, (x, y), rng.uniform(17, 24), roughness=0.08, aspect=rng.uniform(1, 1.3))
        paint_gland(canvas, acinus, rng.uniform(11, 13), body)


def paint_duct(canvas: Canvas, place: Place) -> None:
    """Paint a single normal duct in a collar of collagen."""
    rng = canvas.rng
    radius = place.radius * 0.72
    duct = blob(
        rng, (place.x, place.y), radius, roughness=0.1, harmonics=5, aspect=rng.uniform(1, 1.5)
    )
    canvas.fill(duct.buffer(radius * 0.25), Paint(0.06, float(rng.uniform(0.5, 0.65)), 0.15))
    paint_gland(canvas, duct, rng.uniform(12, 14), cytoplasm(canvas))


def paint_vessel(canvas: Canvas, place: Place) -> None:
    """Paint a small vessel, empty or with red cells."""
    rng = canvas.rng
    wall = blob(
        rng,
        (place.x, place.y),
        place.radius * 0.8,
        roughness=0.1,
        harmonics=4,
        aspect=rng.uniform(1, 1.8),
    )
    canvas.fill(wall, Paint(0.08, float(rng.uniform(0.45, 0.65)), 0.2))
    lumen = largest(wall.buffer(-0.22 * place.radius))
    canvas.fill(lumen, BLANK)
    if rng.random() < 0.6:
        for x, y in scatter(rng, lumen.buffer(-3), 6.5, jitter=0.2):
            cell = blob(rng, (x, y), 3.0, roughness=0.05)
            canvas.fill(cell, Paint(0.02, float(rng.uniform(0.75, 1.0)), 0.1))
    spots, directions = along(rng, lumen, -1.5, 11, 0.4)
    canvas.nuclei(Nucleus.FLAT, spots, directions)


def paint_lymphocytes(canvas: Canvas, place: Place) -> None:
    """Scatter small round nuclei, thinning out from the middle."""
    rng = canvas.rng
    spots = scatter(rng, blob(rng, (place.x, place.y), place.radius), 8.5, jitter=0.35)
    distance = np.hypot(spots[:, 0] - place.x, spots[:, 1] - place.y) / place.radius
    spots = spots[rng.random(len(spots)) > distance**2]
    canvas.nuclei(Nucleus.SMALL, spots, rng.uniform(0, np.pi, len(spots)))
