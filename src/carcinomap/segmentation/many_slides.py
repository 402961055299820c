"""One slide after the other; one that fails does not stop the others."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from carcinomap.errors import InputError
from carcinomap.segmentation.one_slide import Segmentation, segment_slide
from carcinomap.segmentation.settings import SegmentationSettings
from carcinomap.slide import find_slides, open_slide

if TYPE_CHECKING:
    from carcinomap.model import Model, Runtime


@dataclass(frozen=True)
class Segmentations:
    """The results of many slides.

    Attributes:
        done: Those that were segmented now or before, in the order asked for.
        failures: The others, with what went wrong.
    """

    done: tuple[Segmentation, ...]
    failures: tuple[tuple[Path, Exception], ...]


def segment(
    slides: str | Path | Sequence[str | Path],
    model: str | Path,
    output: str | Path,
    settings: SegmentationSettings | None = None,
    *,
    mpp: float | None = None,
    device: str = "auto",
    threads: int | None = None,
    overwrite: bool = False,
) -> Segmentations:
    """Map slides with a trained model.

    Args:
        slides: Slides, folders of slides, or patterns such as ``"batch-3/*.svs"``.
        model: A model file.
        output: Folder to write ``NAME.ome.tif``, ``.geojson``, ``.png`` and ``.json`` to.
        settings: The defaults where None.
        mpp: Microns per level-0 pixel of all slides; None takes each file's own.
        device: ``auto`` (a GPU where there is one), ``cpu``, ``cuda`` or ``cuda:1``.
        threads: Threads to compute with on the CPU; all that the process may use by default.
        overwrite: Replace results that are there instead of keeping them.

    Raises:
        InputError: The model cannot be used, there is no such device, or two slides have the
            same name.
    """
    from carcinomap.model import load_model, open_runtime  # noqa: PLC0415 - imports PyTorch

    found: list[Path] = []
    missing: list[tuple[Path, Exception]] = []
    for path in [slides] if isinstance(slides, str | Path) else slides:
        try:
            found += find_slides(path)
        except InputError as error:
            missing.append((Path(path), error))
    loaded = load_model(model)
    runtime = open_runtime(loaded, device, threads)
    result = segment_slides(found, runtime, loaded, output, settings, mpp, overwrite)
    return Segmentations(result.done, (*missing, *result.failures))


def segment_slides(
    slides: Sequence[Path],
    runtime: "Runtime",
    model: "Model",
    output: str | Path,
    settings: SegmentationSettings | None = None,
    mpp: float | None = None,
    overwrite: bool = False,
) -> Segmentations:
    """Segment slides with a runtime that is open already; see ``segment`` and ``segment_slide``.

    Raises:
        InputError: Two slides have the same name, so that their results would too.
    """
    twice = [stem for stem, count in Counter(path.stem for path in slides).items() if count > 1]
    if twice:
        raise InputError(
            f"{twice[0]}: two slides have this name, and results are named after the slide; "
            "segment them into different folders"
        )
    done: list[Segmentation] = []
    failures: list[tuple[Path, Exception]] = []
    for path in slides:
        try:
            with open_slide(path, mpp) as slide:
                done.append(segment_slide(slide, runtime, model, output, settings, overwrite))
        except Exception as error:  # told at the end, with the name of the slide
            failures.append((path, error))
    return Segmentations(tuple(done), tuple(failures))
