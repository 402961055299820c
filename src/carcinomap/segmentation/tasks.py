"""Mapping one slide of many, as a piece of work for any process."""

from dataclasses import dataclass
from pathlib import Path

from carcinomap.segmentation.asked import Asked
from carcinomap.segmentation.mapping.interest import read_interest
from carcinomap.segmentation.models import Executor
from carcinomap.segmentation.one_slide import segment_slide
from carcinomap.segmentation.results.elsewhere import delivered
from carcinomap.segmentation.results.outputs import Outputs, check_spares
from carcinomap.segmentation.settings import SegmentationSettings
from carcinomap.slide import open_slide, quickhash
from carcinomap.storage import AnyPath, as_path, is_remote, stamp


@dataclass(frozen=True)
class Order:
    """How every slide is to be mapped.

    Attributes:
        executor: With what.
        output: Folder of the results.
        settings: How.
        roi: An annotation file, or a folder with one for each slide; None maps all tissue.
        overwrite: Replace what is there.
    """

    executor: Executor
    output: AnyPath
    settings: SegmentationSettings
    roi: Path | None = None
    overwrite: bool = False

    def files(self, asked: Asked) -> tuple[Path, ...]:
        """Return what a process that maps a slide opens of the disks of its machine."""
        opened = (asked.path, *self.executor.files, *([self.roi] if self.roi else []))
        return tuple(path for path in map(as_path, opened) if isinstance(path, Path))


@dataclass(frozen=True)
class Mapped:
    """What is told of a slide that was mapped; the rest is in its files.

    Attributes:
        skipped: The result had been there before.
        resumed: A part of it had been.
        quickhash: OpenSlide's, where it reads the slide.
        version: What its storage calls the content of a slide that is elsewhere.
        bare: No tissue was found in the slide.
    """

    skipped: bool
    resumed: bool = False
    quickhash: str | None = None
    version: str | None = None
    bare: bool = False


def map_asked(asked: Asked, order: Order) -> Mapped:
    """Map one slide.

    Raises:
        CannotBeginError: Not one slide can be mapped.
        CarcinomapError: See ``segment_slide``.
    """
    runtime, models = order.executor.open()
    check_spares(asked.path, order.output)
    with delivered(order.output, asked.name, order.overwrite) as folder:
        resumed = Outputs(folder, asked.name).partial.exists()
        with open_slide(asked.path, asked.mpp) as slide:
            # Asked before the work, which no failure of the storage is to spoil when it is done.
            version = _version(asked.path)
            regions = None if order.roi is None else read_interest(order.roi, slide)
            result = segment_slide(
                slide, runtime, models, folder, order.settings, order.overwrite, regions
            )
        if result.skipped:
            return Mapped(skipped=True)
        bare = not result.record["tissue_mm2"]
    return Mapped(False, resumed, quickhash(asked.path), version, bare)


def _version(slide: AnyPath) -> str | None:
    sign = stamp(slide)[1] if is_remote(slide) else None
    return None if sign is None else str(sign)
