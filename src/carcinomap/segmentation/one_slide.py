"""A slide and a model become a map: class map, outlines, picture and numbers."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from carcinomap.annotation import ClassScheme
from carcinomap.errors import InputError
from carcinomap.files import write_json
from carcinomap.segmentation.mapping.pipeline import map_tiles
from carcinomap.segmentation.mapping.plan import TilePlan
from carcinomap.segmentation.outlines.geojson import write_geojson
from carcinomap.segmentation.outlines.tracing import Region, trace
from carcinomap.segmentation.results.classmap import ClassMap
from carcinomap.segmentation.results.outputs import MAP, OVERVIEW, POLYGONS, RECORD, Outputs
from carcinomap.segmentation.results.pyramid import build_pyramid, level_sizes
from carcinomap.segmentation.results.writer import write_class_map
from carcinomap.segmentation.settings import SPEED_ONLY, SegmentationSettings
from carcinomap.segmentation.unfinished.spool import Spool
from carcinomap.slide import Slide, TissueMask, find_artefacts, find_tissue
from carcinomap.version import __version__

if TYPE_CHECKING:
    from carcinomap.model import Model, Runtime

COARSEST = 1.5  # slide's mpp / model's mpp: beyond, what the model looks for is not there


@dataclass(frozen=True)
class Segmentation:
    """The result of one slide.

    Attributes:
        name: The slide's.
        folder: Where the files are.
        record: What ``NAME.json`` says: slide, model, mpp, size, tissue_mm2, classes, settings,
            version.
        skipped: The result had been there before.
    """

    name: str
    folder: Path
    record: Mapping[str, Any]
    skipped: bool = False

    @property
    def class_map(self) -> Path:
        """The class map, OME-TIFF."""
        return Outputs(self.folder, self.name).path(MAP)

    @property
    def polygons(self) -> Path:
        """The outlines, GeoJSON."""
        return Outputs(self.folder, self.name).path(POLYGONS)

    @property
    def overview(self) -> Path:
        """The picture, PNG."""
        return Outputs(self.folder, self.name).path(OVERVIEW)


def segment_slide(
    slide: Slide,
    runtime: "Runtime",
    model: "Model",
    output: str | Path,
    settings: SegmentationSettings | None = None,
    overwrite: bool = False,
) -> Segmentation:
    """Segment one slide.

    Args:
        slide: The slide.
        runtime: What executes the model.
        model: What the runtime executes; recorded with the result.
        output: Folder to write ``NAME.ome.tif``, ``.geojson``, ``.png`` and ``.json`` to.
        settings: The defaults where None.
        overwrite: Replace what is there instead of keeping it.

    Raises:
        InputError: The slide is too coarse for the model, cannot be read, or there is a result
            of another slide, model or settings.
        CarcinomapError: The disk is full, or the network fails.
    """
    settings = settings or SegmentationSettings()
    mpp = runtime.views[0].mpp
    if slide.mpp > COARSEST * mpp:
        raise InputError(
            f"{slide.path}: {slide.mpp:g} µm per pixel is coarser than the {mpp:g} µm of the "
            f"model by more than {COARSEST} ×; what the model looks for cannot be seen in it"
        )
    size = slide.size_at(mpp)
    identity = _identity(slide, model, settings, mpp, size)
    outputs = Outputs(Path(output), slide.name)
    if not overwrite and (record := outputs.finished(identity)) is not None:
        return Segmentation(slide.name, outputs.folder, record, skipped=True)
    with outputs.writing() as inside:
        counts = _write_map(slide, runtime, settings, size, inside)
        areas = _areas(counts, runtime.classes, mpp)
        regions = _write_outlines(slide, settings, areas, inside)
        record = _record(identity, areas, regions)
        write_json(inside.path(RECORD), record)
    return Segmentation(slide.name, outputs.folder, record)


def _identity(
    slide: Slide,
    model: "Model",
    settings: SegmentationSettings,
    mpp: float,
    size: tuple[int, int],
) -> dict[str, Any]:
    """Return what makes two results the same one, as JSON holds it."""
    return {
        "slide": slide.path.name,
        "model": {
            "architecture": model.spec.architecture,
            "classes": list(model.spec.classes.names),
            "sha256": model.fingerprint,
        },
        "mpp": mpp,
        "size": list(size),
        "settings": settings.model_dump(mode="json", exclude=set(SPEED_ONLY)),
    }


def _write_map(
    slide: Slide,
    runtime: "Runtime",
    settings: SegmentationSettings,
    size: tuple[int, int],
    inside: Outputs,
) -> NDArray[np.int64]:
    """Write the class map; return the number of pixels with each value."""
    mpp = runtime.views[0].mpp
    tissue = find_tissue(slide)
    if settings.skip_artefacts:
        tissue = find_artefacts(slide, tissue).clean(tissue)
    plan = TilePlan.of(
        *size, settings.tile, settings.overlap, runtime.stride, _has_tissue(tissue, mpp / slide.mpp)
    )
    with Spool(inside.folder / "cells") as spool:
        counts = map_tiles(slide, runtime, plan, tissue, spool, settings.batch, settings.readers)
        build_pyramid(spool, len(level_sizes(*size)))
        write_class_map(inside.path(MAP), spool, *size, mpp, runtime.classes, slide.name)
    return counts


def _has_tissue(tissue: TissueMask, ratio: float) -> Callable[[int, int, int, int], bool]:
    def wanted(x: int, y: int, width: int, height: int) -> bool:
        return tissue.fraction(x * ratio, y * ratio, width * ratio, height * ratio) > 0

    return wanted


def _areas(counts: NDArray[np.int64], classes: ClassScheme, mpp: float) -> dict[str, float]:
    """Return the area of every class in mm²; together they are the tissue."""
    return {name: int(counts[i]) * mpp**2 / 1e6 for i, name in enumerate(classes.names)}


def _write_outlines(
    slide: Slide, settings: SegmentationSettings, areas: Mapping[str, float], inside: Outputs
) -> list[Region]:
    """Write the outlines and the picture from the finished map; return the regions."""
    # Its plotting library takes half a second to import, which every command would pay.
    from carcinomap.segmentation.results.overview import MAX_SIDE, draw_overview  # noqa: PLC0415

    with ClassMap.open(inside.path(MAP)) as class_map:
        regions = trace(
            class_map,
            settings.min_area_um2 / class_map.mpp**2,
            settings.simplify_um / class_map.mpp,
        )
        write_geojson(
            inside.path(POLYGONS),
            regions,
            class_map.classes,
            class_map.mpp / slide.mpp,
            slide.mpp,
            slide.bounds_origin,
        )
        thumbnail, mpp = slide.thumbnail(MAX_SIDE)
        draw_overview(
            inside.path(OVERVIEW),
            thumbnail,
            class_map.overview(max(thumbnail.shape)),
            mpp,
            class_map.classes,
            areas,
            slide.name,
        )
    return regions


def _record(
    identity: Mapping[str, Any], areas: Mapping[str, float], regions: Sequence[Region]
) -> dict[str, Any]:
    """Return what ``NAME.json`` says."""
    tissue = sum(areas.values())
    outlined = Counter(region.index for region in regions)
    return {
        **{key: identity[key] for key in ("slide", "model", "mpp", "size")},
        "tissue_mm2": round(tissue, 6),
        "classes": {
            name: {
                "area_mm2": round(area, 6),
                "share_of_tissue": round(area / tissue, 6) if tissue else 0.0,
                # Class 0 is what remains; it is not outlined.
                "regions": outlined[index] if index else None,
            }
            for index, (name, area) in enumerate(areas.items())
        },
        "settings": identity["settings"],
        "version": __version__,
    }
