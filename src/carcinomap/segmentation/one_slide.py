"""A slide and a model become a map: class map, planes, outlines, picture and numbers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from carcinomap.annotation import AnnotationSet
from carcinomap.segmentation.identity import identity_of, working_identity
from carcinomap.segmentation.job import Job
from carcinomap.segmentation.mapping.map_slide import map_slide
from carcinomap.segmentation.mapping.normalising import target_of
from carcinomap.segmentation.results.outputs import (
    MAP,
    OVERVIEW,
    POLYGONS,
    RECORD,
    Outputs,
    check_spares,
)
from carcinomap.segmentation.results.whole import write_results
from carcinomap.segmentation.settings import SegmentationSettings
from carcinomap.slide import Slide
from carcinomap.storage import AnyPath, read_small

if TYPE_CHECKING:
    from carcinomap.model import Model, Runtime

LARGEST = 1_000_000  # bytes of a record


@dataclass(frozen=True)
class Segmentation:
    """The result of one slide.

    Attributes:
        name: The slide's.
        folder: Where the files are.
        skipped: The result had been there before.
    """

    name: str
    folder: AnyPath
    skipped: bool = False

    @property
    def record(self) -> Mapping[str, Any]:
        """What ``NAME.json`` says: slide, model, mpp, size, tissue_mm2, classes, settings, version.

        Read from there each time: a cohort has thousands.
        """
        content = read_small(self.folder / f"{self.name}{RECORD}", LARGEST)
        return dict(json.loads(content or b"{}"))

    @property
    def class_map(self) -> AnyPath:
        """The class map, OME-TIFF."""
        return self.folder / f"{self.name}{MAP}"

    @property
    def polygons(self) -> AnyPath:
        """The outlines, GeoJSON."""
        return self.folder / f"{self.name}{POLYGONS}"

    @property
    def overview(self) -> AnyPath:
        """The picture, PNG."""
        return self.folder / f"{self.name}{OVERVIEW}"


def segment_slide(
    slide: Slide,
    runtime: "Runtime",
    model: "Model | Sequence[Model]",
    output: str | Path,
    settings: SegmentationSettings | None = None,
    overwrite: bool = False,
    regions: AnnotationSet | None = None,
) -> Segmentation:
    """Segment one slide, or go on where an earlier run was stopped.

    Args:
        slide: The slide.
        runtime: What executes the model, or models.
        model: What the runtime executes; recorded with the result.
        output: Folder to write ``NAME.ome.tif``, ``.geojson``, ``.png`` and ``.json`` to.
        settings: The defaults where None.
        overwrite: Replace a finished result, and throw away an unfinished one of another model or
            of other settings, instead of keeping them.
        regions: Only what lies inside is mapped; None maps all tissue.

    Raises:
        InputError: The slide is too coarse for the model, cannot be read, or there is a result,
            finished or not, of another slide, model or settings, or the slide is in its way.
        CarcinomapError: The disk is full, another process is at it, or the network fails.
    """
    models = model if isinstance(model, Sequence) else [model]
    settings = settings or SegmentationSettings()
    job = Job(slide, runtime, settings, regions, target_of(models, settings))
    identity = identity_of(job, models)
    outputs = Outputs(Path(output), slide.name)
    check_spares(slide.path, outputs.folder)

    def there_already() -> Segmentation | None:
        if overwrite or not outputs.finished(identity):
            return None
        return Segmentation(slide.name, outputs.folder, skipped=True)

    # A folder beside it was left by a process that died just before removing it.
    if (done := there_already()) and not outputs.partial.exists():
        return done
    with outputs.working() as inside:
        if done := there_already():  # another process made it before this one got the lock
            return done
        with inside.journal(working_identity(job, identity), overwrite) as spool:
            map_slide(job, spool, inside)
            write_results(job, spool, inside, identity)
        outputs.publish(inside)
    return Segmentation(slide.name, outputs.folder)
